// HTTP/1.1 over one connection: turns octets into exchanges and responses into octets. It handles one request at a time
// and a few per turn. Pipelined requests wait, also while the peer does not read its answers; reading pauses meanwhile.
// From the head on, the service decides what a request gets. An upgrade hands the connection over to a
// WebSocketSession.
//
//   idle -> head -> responding -> idle ...         any -> finished (an error, Connection: close, an upgrade)
//                    |      ^
//                    '-body-'  once the body is asked for
#pragma once

#include <memory>
#include <optional>

#include "http/body_decoder.hpp"
#include "http/body_encoder.hpp"
#include "http/request_parser.hpp"
#include "server/connection.hpp"
#include "server/peer.hpp"
#include "service/exchange.hpp"

namespace proapi::server {

class FileSender;

class HttpSession final : public Protocol, private service::ExchangeTransport {
public:
    HttpSession(Connection& connection, Peer peer);
    ~HttpSession() override;

private:
    friend class Connection;  // calls on_time()
    // Protocol
    void on_start(base::MutableBytes leftover) override;
    void on_read(base::MutableBytes bytes) override;
    void on_peer_finished() override;
    void on_read_end() override;
    void on_output_written(bool had_waited) override;
    void on_failure(std::string_view why) override;
    void on_turn_end() override;
    void on_shutdown() override;
    void on_end() override;
    [[nodiscard]] base::OutputQueue& output() noexcept override { return output_; }
    [[nodiscard]] std::size_t input_bytes() const noexcept override {
        return parser_.buffered_bytes() + (body_ ? body_->buffered_bytes() : 0) + waiting_.size();
    }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }

    // ExchangeTransport
    [[nodiscard]] bool has_body_arrived() const noexcept override;
    void start_body(std::uint64_t max_bytes) override;
    void resume_body() override { connection_.flush_soon(); }
    void write_head(const service::ResponseStart& start) override;
    void write_body(base::Bytes bytes) override;
    [[nodiscard]] bool take_file() override;
    void write_file(service::FileBody file) override;
    void finish_response() override;
    void abort_response() override;
    void end_after_response() override { keep_alive_ = false; }
    void watch_client() override { connection_.flush_soon(); }
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return output_.size_bytes(); }
    [[nodiscard]] base::CompressionMemory& compression_memory() noexcept override;
    [[nodiscard]] base::IntrusivePtr<service::WebSocket> upgrade(service::Exchange& exchange,
                                                                 const service::WebSocketSettings& settings) override;

    enum class Phase : std::uint8_t { idle, head, body, responding, finished };

    void take(base::MutableBytes bytes);
    [[nodiscard]] bool may_take() const noexcept;
    [[nodiscard]] bool may_read() const noexcept;
    [[nodiscard]] base::MutableBytes take_head(base::MutableBytes bytes);
    [[nodiscard]] base::MutableBytes take_body(base::MutableBytes bytes);
    void on_head(base::MutableBytes rest);
    [[nodiscard]] bool count_client(const service::RequestInfo& request);
    void begin_exchange(service::RequestInfo request, service::Exchange::Body body);
    [[nodiscard]] service::RequestInfo make_request(http::RequestHead head) const;
    void refuse_head(service::RefusalText refusal);
    void refuse_request(service::RequestInfo request, service::RefusalText refusal);
    void end_arrival();
    void fail_body(service::RefusalText refusal);
    void watch_body();
    void pause_body();
    void take_waiting();
    void cut_stream();
    void pump_file();
    void abandon_file();
    void pass_over_empty_line();
    void await_next_request();
    void look_for_idleness();
    void end_idleness();
    void start_idle_timer();
    void release_exchange();
    void on_time();
    void start_timer(service::Duration timeout);
    [[nodiscard]] const service::Settings& settings() const noexcept;

    Connection& connection_;
    IdleLink idle_link_{connection_};
    Peer peer_;
    http::RequestParser parser_;
    std::optional<http::BodyDecoder> body_;
    http::BodyEncoder encoder_;  // of the response in work
    base::OutputQueue output_;
    std::string waiting_;                             // octets after the request in work, or of its body
    base::MutableBytes leftover_;                     // while a head is handed over: the octets after it
    base::IntrusivePtr<service::Exchange> exchange_;  // the one in work, until the end of the turn in which it finishes
    std::unique_ptr<FileSender> file_;
    base::Timer timer_;
    std::uint64_t body_began_ms_ = 0, body_received_ = 0;
    std::size_t undelivered_ = 0;  // of an answer, when idleness was last checked
    Phase phase_ = Phase::idle;
    bool keep_alive_ = true, body_unread_ = false;
    bool is_cut_ = false;  // the connection ends by RST once the earlier output is written
    bool stopping_ = false, is_cut_by_stop_ = false, has_served_ = false;
    std::uint8_t taken_this_turn_ = 0;
};

}  // namespace proapi::server
