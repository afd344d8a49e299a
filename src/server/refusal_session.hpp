// A connection beyond the limit. It answers 503 and ends the connection gracefully, because closing with an unread
// request would send RST, which could destroy the answer. It does not interpret what the peer sends.
#pragma once

#include "server/connection.hpp"

namespace proapi::server {

class RefusalSession final : public Protocol {
public:
    RefusalSession(Connection& connection, std::string_view answer) : connection_(connection) {
        output_.append(answer);
    }

private:
    void on_start(base::MutableBytes) override {
        // A handshake that takes long is not worth waiting for.
        connection_.finish(connection_.is_established() ? Connection::Patience::usual : Connection::Patience::little);
    }
    void on_read(base::MutableBytes) override {}
    void on_read_end() override {}
    void on_output_written(bool) override {}
    void on_turn_end() override {}
    void on_shutdown() override {}
    void on_end() override {}
    [[nodiscard]] base::OutputQueue& output() noexcept override { return output_; }
    [[nodiscard]] std::size_t input_bytes() const noexcept override { return 0; }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }

    Connection& connection_;
    base::OutputQueue output_;
};

}  // namespace proapi::server
