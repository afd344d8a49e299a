// A WebSocket over one connection: joins the connection, the RFC 6455 machine and the application's end. Enforces what
// the protocol leaves to the server: accept_timeout, ping_interval, ping_timeout, message_timeout, max_lifetime and
// message_rate.
#pragma once

#include <limits>
#include <memory>

#include "base/token_bucket.hpp"
#include "server/connection.hpp"
#include "service/websocket.hpp"
#include "ws/connection.hpp"

namespace proapi::server {

class WebSocketSession final : public Protocol, private service::WebSocketTransport {
public:
    // `settings` outlive the session.
    WebSocketSession(Connection& connection, service::RequestInfo request, const service::WebSocketSettings& settings);
    ~WebSocketSession() override;

    [[nodiscard]] const base::IntrusivePtr<service::WebSocket>& websocket() const noexcept { return websocket_; }

private:
    friend class Connection;  // calls on_time()
    // Protocol
    void on_start(base::MutableBytes leftover) override;
    void on_read(base::MutableBytes bytes) override;
    void on_peer_finished() override { connection_.flush_soon(); }  // on_turn_end() checks for it
    void on_read_end() override;
    void on_output_written(bool had_waited) override;
    void on_turn_end() override;
    void on_shutdown() override;
    void on_end() override;
    [[nodiscard]] base::OutputQueue& output() noexcept override { return machine_.output(); }
    [[nodiscard]] std::size_t input_bytes() const noexcept override { return machine_.buffered_input_bytes(); }
    [[nodiscard]] bool is_websocket() const noexcept override { return true; }

    // WebSocketTransport
    void accept(std::string_view subprotocol, const http::Headers& headers) override;
    void reject(int status, std::string_view body, const http::Headers& headers) override;
    void send(service::MessageKind kind, base::Bytes payload, ws::Encoding encoding) override;
    void send_shared(service::SharedMessage& message) override;
    void close(std::uint16_t code, std::string_view reason) override;
    void log_fault(std::uint16_t code, std::string_view reason) override;
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return machine_.output().size_bytes(); }
    void resume_reading() override;
    void schedule_notify() override;
    void watch_client() override { connection_.flush_soon(); }

    [[nodiscard]] std::string negotiate_compression();
    template <class Work>
    void begin_end(Work&& work);
    void send_large(ws::Opcode opcode, base::Bytes payload);
    void limit_client();
    void take_events();
    // Only if there is a rate_. Cold: most routes have none, and inlined they would make the way of every message
    // longer.
    [[nodiscard, gnu::cold]] bool must_wait_for_token() const noexcept;
    [[gnu::cold]] void pause_for_token();
    [[nodiscard, gnu::cold]] bool take_token();
    [[nodiscard]] bool is_client_lost() const noexcept;
    void handle(const ws::Event& event);
    void on_time();
    void check_life(std::uint64_t now_ms);
    void schedule_check(std::uint64_t now_ms) noexcept;
    [[nodiscard]] bool is_taking_output() noexcept;
    void watch_message(std::uint64_t now_ms);
    void lose(std::string_view reason);
    [[nodiscard]] std::uint64_t now_ms() const noexcept;

    enum class Phase : std::uint8_t { connecting, open, closing, finished };
    // How fast the client may send messages. Allocated only for routes that limit this.
    struct Rate {
        explicit Rate(WebSocketSession& session);
        base::TokenBucket bucket;
        base::Timer timer;  // runs while reading pauses for a token
    };
    static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

    Connection& connection_;
    const service::WebSocketSettings& settings_;
    ws::Connection machine_;
    base::IntrusivePtr<service::WebSocket> websocket_;
    std::unique_ptr<Rate> rate_;  // null: no limit
    base::Timer timer_;           // accept_timeout, then the next liveness check
    std::uint64_t last_heard_ms_ = 0, ping_sent_ms_ = 0, message_began_ms_ = 0, lifetime_ends_ms_ = never;
    std::uint32_t delivered_ = 0;      // when a ping was sent and written, or at the last check for its pong
    std::uint32_t share_of_turn_ = 0;  // the turn of events_left_
    std::uint8_t events_left_ = 0;     // that this turn may handle
    Phase phase_ = Phase::connecting;
    bool paused_ = false, notify_ = false;
    bool is_large_ = false;        // the last read contained a large message
    bool ping_is_queued_ = false;  // and not written yet
    bool end_failed_ = false;      // the end could not be carried out, for example because memory ran out
};

}  // namespace proapi::server
