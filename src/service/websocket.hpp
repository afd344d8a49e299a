// The application's end of one WebSocket; handlers work on this object. It enforces the order of states and holds the
// bounded queue of incoming messages, the water marks and the waiters. It knows neither sockets nor frames. The
// transport below it carries messages: WebSocketSession over TCP, or an adapter to another server.
//
//   connecting --accept()--> open --close(), or the connection's end--> closed
//       |--reject(), close(), or the peer leaves------------------------> closed
//
// One rule keeps every front end free of re-entrancy: members called by the application never call back. Receivers and
// waiters are called only from on_message(), on_drained(), on_close(), on_end() and notify(). The transport calls
// these, with no handler on the stack. One thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/intrusive_list.hpp"
#include "base/intrusive_ptr.hpp"
#include "service/error.hpp"
#include "service/message.hpp"
#include "service/middleware.hpp"
#include "service/observer.hpp"
#include "service/refusals.hpp"
#include "service/request_info.hpp"
#include "service/send_outcome.hpp"
#include "service/settings.hpp"
#include "service/waiter.hpp"
#include "ws/close_code.hpp"
#include "ws/sender.hpp"

namespace proapi::service {

// Waits for one message. It is removed before it is called.
class Receiver {
public:
    virtual void on_message(MessageView message) = 0;
    virtual void on_end() = 0;

protected:
    ~Receiver() = default;
};

class WebSocketTransport {
public:
    virtual void accept(std::string_view subprotocol, const http::Headers& headers) = 0;
    virtual void reject(int status, std::string_view body, const http::Headers& headers) = 0;
    virtual void send(MessageKind kind, base::Bytes payload, ws::Encoding encoding) = 0;
    virtual void send_shared(SharedMessage& message) = 0;
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    // Logs that a fault of the peer has ended the connection.
    virtual void log_fault(std::uint16_t code, std::string_view reason) = 0;
    [[nodiscard]] virtual std::size_t buffered_amount() const noexcept = 0;
    // The incoming queue has room again.
    virtual void resume_reading() = 0;
    // Calls WebSocket::notify() soon, with no handler on the stack.
    virtual void schedule_notify() = 0;
    // From now on WebSocket::ends_with_client() may be true. If the client has left already, the transport ends the
    // connection later, with no handler on the stack.
    virtual void watch_client() {}
    // The application wants to know whether the connection has ended, and may read no messages meanwhile. For
    // transports that detect the end only by reading.
    virtual void watch_end() {}

protected:
    ~WebSocketTransport() = default;
};

class WebSocket final : public base::RefCounted {
public:
    // `settings` must live as long as the transport.
    WebSocket(RequestInfo request, const WebSocketSettings& settings, WebSocketTransport& transport);

    // --- the application's side ---
    [[nodiscard]] const RequestInfo& request() const noexcept { return request_; }
    [[nodiscard]] Result<void> accept(std::optional<std::string_view> subprotocol, const http::Headers& headers);
    [[nodiscard]] Result<void> reject(int status, std::string_view body, const http::Headers& headers);
    // Rejects with one of the engine's own refusals. Does nothing after accept(), and once it is closed.
    void refuse(Refusal refusal, const http::Headers& headers = {});
    // The application wants no more messages: the queued ones are dropped.
    [[nodiscard]] Result<void> close(int code, std::string_view reason);
    // Whether close() may have these arguments. Any thread.
    [[nodiscard]] static Result<void> check_close(int code, std::string_view reason);

    // `encoding` none: the message is not compressed, whatever the connection has negotiated.
    [[nodiscard]] Result<SendOutcome> send(MessageKind kind, base::Bytes payload,
                                           ws::Encoding encoding = ws::Encoding::negotiated);
    // Sends a message that many connections send. Transports that write frames themselves share its octets.
    [[nodiscard]] Result<SendOutcome> send_shared(SharedMessage& message);
    [[nodiscard]] bool is_above_low_water() const noexcept;
    [[nodiscard]] std::uint64_t max_buffered() const noexcept { return settings_->max_buffered; }
    void wait_drained(Waiter& waiter) { output_waiters().drain.add(waiter); }
    // Only while buffered_amount() is above 0. Wakes `waiter` when everything sent so far has gone to the kernel.
    void wait_flushed(Waiter& waiter) { output_waiters().flush.add(waiter); }

    // Returns a queued message, or nullopt if there is none. Fails after the end once the queue is empty, and while a
    // receiver waits.
    [[nodiscard]] Result<std::optional<Message>> try_receive();
    // Only if try_receive() has returned nullopt: at most one receiver waits at a time.
    void wait_message(Receiver& receiver) noexcept { receiver_ = &receiver; }
    [[nodiscard]] bool has_receiver() const noexcept { return receiver_ != nullptr; }
    void cancel_receive(Receiver& receiver) noexcept {
        if (receiver_ == &receiver) receiver_ = nullptr;
    }

    [[nodiscard]] bool is_accepted() const noexcept { return accepted_; }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    // Whether the transport is gone, after which nothing happens any more. If not, wait_closed() waits for it.
    [[nodiscard]] bool has_ended() const noexcept { return transport_ == nullptr; }
    void wait_closed(Waiter& waiter);
    // Makes the transport detect the end of the connection even if nobody reads messages, for callers that poll
    // is_closed().
    void watch_end() {
        if (transport_) transport_->watch_end();
    }
    // Only while is_closed() is false. Wakes `waiter` when it becomes true, possibly long before the transport is gone.
    void wait_no_longer_open(Waiter& waiter);
    [[nodiscard]] std::optional<std::uint16_t> close_code() const noexcept {
        return close_code_ == 0 ? std::nullopt : std::optional(close_code_);
    }
    [[nodiscard]] const std::string& close_reason() const noexcept { return get_text(close_reason_); }
    [[nodiscard]] const std::string& subprotocol() const noexcept { return get_text(subprotocol_); }
    [[nodiscard]] std::size_t buffered_amount() const noexcept {
        return transport_ ? transport_->buffered_amount() : 0;
    }
    // Whether the handler knows that the connection is closed. Receives set this; front ends set it when a handler
    // waits for the end or a send raises.
    [[nodiscard]] bool is_end_seen() const noexcept { return end_seen_; }
    void mark_end_seen() noexcept { end_seen_ = true; }
    // The text is "the connection has ended with code 1001 (going away)", for example.
    [[nodiscard]] Error make_disconnect_error() const;

    // --- the service's side ---
    // The answer to the handshake passes through `middleware` on its way out. The list outlives the transport.
    void set_middleware(const MiddlewareList& middleware) noexcept { middleware_ = &middleware; }
    void set_observation(std::unique_ptr<Observation> observation) noexcept { observation_ = std::move(observation); }

    // --- the transport's side ---
    [[nodiscard]] bool wants_messages() const noexcept;
    // Whether a waiter waits for the connection to be no longer open.
    [[nodiscard]] bool ends_with_client() const noexcept { return output_waiters_ && !output_waiters_->closed.empty(); }
    // Hands a message to the waiting receiver, or queues it.
    void on_message(MessageView message);
    // Queues a message even if a receiver waits; notify() then hands it over.
    void enqueue(Message message);
    // Closes an accepted connection with this side's own Close: the server stops, or the peer breaks a rule. Messages
    // received before remain readable. Does nothing if the connection is closed already.
    void fail(std::uint16_t code, std::string_view reason);
    // The outgoing buffer has become smaller.
    void on_drained();
    // No message can be delivered any more in either direction: the peer sent its Close, this side sent one, or the
    // connection was lost.
    void on_close(std::uint16_t code, std::string_view reason);
    // The transport is gone.
    void on_end();
    // Like on_end(), but wakes no receiver and no waiter.
    void detach() noexcept {
        transport_ = nullptr;
        report_end();
    }
    // Hands over queued messages, and wakes waiters for an end that came while a handler ran.
    void notify();

private:
    // Most connections lack these parts most of the time. They are allocated separately, so that idle connections stay
    // small.
    using RareText = std::unique_ptr<const std::string>;  // null: empty
    struct OutputWaiters {
        WaiterList drain, flush, closed;
    };

    [[nodiscard]] Result<void> require_connecting(std::string_view call) const;
    [[nodiscard]] OutputWaiters& output_waiters();
    template <class Write>
    [[nodiscard]] Result<SendOutcome> send_by(Write&& write, std::size_t bytes);
    void send_close(std::uint16_t code, std::string_view reason);
    void set_closed(std::uint16_t code, std::string_view reason);
    void queue(Message message);
    void report_end() noexcept;
    [[nodiscard]] static const std::string& get_text(const RareText& text) noexcept;

    std::uint16_t close_code_ = 0;  // 0: none yet
    bool accepted_ = false, closed_ = false, end_seen_ = false;
    RequestInfo request_;
    const WebSocketSettings* settings_;
    WebSocketTransport* transport_;
    std::unique_ptr<std::deque<Message>> queue_;
    std::size_t queued_bytes_ = 0;
    Receiver* receiver_ = nullptr;
    std::unique_ptr<OutputWaiters> output_waiters_;
    WaiterList close_waiters_;
    RareText subprotocol_, close_reason_;
    const MiddlewareList* middleware_ = nullptr;  // null: none
    std::unique_ptr<Observation> observation_;    // null: no observers
};

}  // namespace proapi::service
