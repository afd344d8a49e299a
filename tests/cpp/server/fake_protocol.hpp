// A connection without HTTP: its protocol records the calls made to it, and the test is its application.
#pragma once

#include <stdexcept>

#include "memory_server.hpp"
#include "server/connection.hpp"

namespace proapi::server::test {

// The record of a protocol, which is destroyed with its connection.
struct ProtocolReport {
    std::string received;
    int starts = 0, finishes = 0, read_ends = 0, turn_ends = 0, shutdowns = 0, ends = 0;
    int written = 0, written_after_waiting = 0;  // numbers of calls
    bool is_destroyed = false;
};

class FakeProtocol final : public Protocol {
public:
    explicit FakeProtocol(ProtocolReport& report) : report_(report) {}
    ~FakeProtocol() override { report_.is_destroyed = true; }

    void on_start(base::MutableBytes leftover) override {
        ++report_.starts;
        report_.received.append(base::as_text(leftover));
    }
    void on_read(base::MutableBytes bytes) override {
        report_.received.append(base::as_text(bytes));
        if (base::as_text(bytes) == "throw") throw std::runtime_error("as it was told to");
    }
    void on_peer_finished() override { ++report_.finishes; }
    void on_read_end() override { ++report_.read_ends; }
    void on_output_written(bool had_waited) override {
        ++(had_waited ? report_.written_after_waiting : report_.written);
    }
    void on_turn_end() override {
        ++report_.turn_ends;
        if (at_turn_end) at_turn_end();
    }
    void on_shutdown() override { ++report_.shutdowns; }
    void on_end() override { ++report_.ends; }
    [[nodiscard]] base::OutputQueue& output() noexcept override { return output_; }
    [[nodiscard]] std::size_t input_bytes() const noexcept override { return 0; }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }

    std::function<void()> at_turn_end;

private:
    ProtocolReport& report_;
    base::OutputQueue output_;
};

// One connection of a server. It is marked as refused, because the server's counts do not matter here.
class FakeConnection {
public:
    explicit FakeConnection(MemoryServer& served, const net::MemoryBehaviour& behaviour = {},
                            net::MemoryFailure* failure = nullptr) {
        auto [ours, theirs] = net::MemoryTransport::make_pair(served.reactor);
        ours->set_behaviour(behaviour);
        ours->set_failure(failure);
        client = std::make_unique<MemoryClient>(std::move(theirs));
        connection = new Connection(*served.server, std::move(ours), true);  // the server deletes it when it is retired
        auto protocol = std::make_unique<FakeProtocol>(report);
        fake = protocol.get();
        connection->start(std::move(protocol), {});
    }
    // The connection must end before its server, which does not list it.
    ~FakeConnection() {
        if (!is_gone()) connection->abort();
    }
    FakeConnection(const FakeConnection&) = delete;
    FakeConnection& operator=(const FakeConnection&) = delete;

    [[nodiscard]] bool is_gone() const noexcept { return report.ends > 0; }
    void write(std::string_view octets) {
        fake->output().append(octets);
        connection->flush_soon();
    }

    ProtocolReport report;
    std::unique_ptr<MemoryClient> client;
    Connection* connection = nullptr;  // dangles after the connection's end
    FakeProtocol* fake = nullptr;
};

}  // namespace proapi::server::test
