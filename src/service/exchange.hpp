// One HTTP request and the response to it, from the request's head on: what an HTTP handler holds. It keeps the order
// of the response's parts and checks what would break the framing. Like WebSocket, its members never call back; waiters
// and listeners are called by the carrier. One thread.
//
//   the request's body:  waiting --start by collect_body() or read_body()--> coming --> whole
//                            (a carrier that gives up: failed)
//   the response:        none --start()--> started --finish()--> finished       or one of respond*(), refuse()
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "base/intrusive_ptr.hpp"
#include "service/error.hpp"
#include "service/middleware.hpp"
#include "service/observer.hpp"
#include "service/refusals.hpp"
#include "service/request_info.hpp"
#include "service/waiter.hpp"

namespace proapi::service {

class Exchange;
class WebSocket;
struct WebSocketSettings;

// A part of an open regular file.
struct FileBody {
    base::Descriptor file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

struct ResponseStart {
    int status = 200;
    const http::Headers& headers;
    std::optional<std::uint64_t> content_length;
    bool has_body = true;  // no response to HEAD, and none of 204 or 304, has one (RFC 9110 section 6.4.1)
};

// What carries an exchange: a session over a socket, or an adapter to another server.
class ExchangeTransport {
public:
    // --- the request's body, where it has one ---
    // It is asked for (where the client waits for 100-continue, it gets that now); to be given to on_body() in parts,
    // or whole to on_body_end() if the exchange collects it. Beyond `max_bytes`: on_body_failed().
    virtual void start_body(std::uint64_t max_bytes) = 0;
    // Exchange::wants_body() is true again.
    virtual void resume_body() = 0;

    // --- the response ---
    virtual void write_head(const ResponseStart& start) = 0;
    virtual void write_body(base::Bytes bytes) = 0;
    // Whether there is a descriptor left for a file; write_file() or the response's end gives it back.
    [[nodiscard]] virtual bool take_file() = 0;
    // The rest of the response: it finishes it.
    virtual void write_file(FileBody file) = 0;
    // The response is whole.
    virtual void finish_response() = 0;
    // It never will be: what the client has of it must not look whole.
    virtual void abort_response() = 0;
    // What follows on the connection can't be understood, or must not be: it ends with this response.
    virtual void end_after_response() = 0;
    // The exchange ends with its client from now on: to be acted on, with no handler on the stack, if that has left.
    virtual void watch_client() = 0;
    [[nodiscard]] virtual std::size_t buffered_amount() const noexcept = 0;

    // --- the handshake ---
    // Takes the request out of the exchange and goes on as a WebSocket. Null: the client does not wait for the answer.
    // `settings` live as long as the transport.
    [[nodiscard]] virtual base::IntrusivePtr<WebSocket> upgrade(Exchange& exchange,
                                                                const WebSocketSettings& settings) = 0;

protected:
    ~ExchangeTransport() = default;
};

// Who has asked for a body whole.
class BodyListener {
public:
    virtual void on_body_collected(Exchange& exchange) = 0;

protected:
    ~BodyListener() = default;
};

class Exchange final : public base::RefCounted {
public:
    enum class Body : std::uint8_t { none, waiting };  // whether the request has one
    Exchange(RequestInfo request, Body body, ExchangeTransport& transport, std::uint64_t high_water,
             std::uint64_t low_water);

    [[nodiscard]] const RequestInfo& request() const noexcept { return request_; }
    void set_match(http::Match match) noexcept { request_.match = std::move(match); }

    // --- the request's body: whole ---
    // `listener` is called once, when the body is whole, by the carrier. A body that fails is answered with its refusal
    // instead.
    void collect_body(BodyListener& listener, std::uint64_t max_bytes);
    // Decoded, once it was collected.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    // For who keeps it in another form: there is none here any more.
    [[nodiscard]] std::string take_body() noexcept { return std::exchange(body_, {}); }

    // --- the request's body: in parts ---
    // What has come since the last call; the first one asks for the body. Nothing has: `none`; then wait_body(), unless
    // is_body_whole(). Fails if the body failed (body_refusal()), or the client is gone.
    [[nodiscard]] Result<std::optional<std::string>> read_body(std::uint64_t max_bytes);
    [[nodiscard]] bool is_body_whole() const noexcept { return body_state_ == BodyState::whole; }
    // Until there is a part, or the end, or a failure.
    void wait_body(Waiter& waiter) noexcept { body_waiters_.add(waiter); }
    // What answers a body that failed; none if it has not.
    [[nodiscard]] const std::optional<RefusalText>& body_refusal() const noexcept { return body_refusal_; }

    // --- the response ---
    // A whole one.
    [[nodiscard]] Result<void> respond(int status, const http::Headers& headers, std::string_view body);
    [[nodiscard]] Result<void> respond_with_file(int status, const http::Headers& headers, FileBody file);
    // One of the engine's own: a line of text. Nothing where a response was started.
    void refuse(Refusal refusal, http::Headers headers = {});
    void refuse(int status, std::string_view text, http::Headers headers = {});
    // A streamed one: its head, parts, its end.
    [[nodiscard]] Result<void> start(int status, const http::Headers& headers,
                                     std::optional<std::uint64_t> content_length);
    [[nodiscard]] Result<SendOutcome> write(base::Bytes bytes);
    [[nodiscard]] Result<void> finish();
    // The handler failed: 500 where nothing was sent yet, else the connection is cut. A front end calls it for every
    // handler that ends without a whole response; on a finished exchange it does nothing.
    void fail();
    // The connection ends with this response; to be called before it.
    void end_connection();

    // Whether what is written reaches the client. To be asked once it is started.
    [[nodiscard]] bool has_body() const noexcept { return has_body_; }

    [[nodiscard]] bool is_above_low_water() const noexcept;
    void wait_drained(Waiter& waiter) noexcept { drain_waiters_.add(waiter); }
    // For when has_ended() is false: after the end nobody is called any more.
    void wait_end(Waiter& waiter) noexcept { end_waiters_.add(waiter); }
    // A client that ends its side (FIN) may still wait for the answer; from now on it counts as one that has left, and
    // that is the exchange's end. A response without a length does so by itself once it is started.
    void end_with_client();
    [[nodiscard]] bool is_started() const noexcept { return started_; }
    [[nodiscard]] bool is_finished() const noexcept { return finished_; }
    // The client is gone, or the exchange has become a WebSocket: whatever is sent goes nowhere.
    [[nodiscard]] bool has_ended() const noexcept { return transport_ == nullptr; }
    // The same, or it has ended its side: whether it still reads can't be told.
    [[nodiscard]] bool has_client_left() const noexcept { return client_left_ || has_ended(); }

    // --- the handshake ---
    // It goes on as a WebSocket, and this is over. Null: the client does not wait for the answer.
    [[nodiscard]] base::IntrusivePtr<WebSocket> upgrade(const WebSocketSettings& settings);

    // --- the service's side ---
    // Its response passes them on its way out. They outlive the exchange's transport.
    void set_middleware(const MiddlewareList& middleware) noexcept { middleware_ = &middleware; }
    // Reports when the exchange has ended.
    void set_observation(std::unique_ptr<Observation> observation) noexcept { observation_ = std::move(observation); }
    [[nodiscard]] Observation* observation() noexcept { return observation_.get(); }

    // --- the carrier's side ---
    [[nodiscard]] RequestInfo take_request() noexcept { return std::move(request_); }
    // Parts follow for as long as the handler likes.
    [[nodiscard]] bool is_endless() const noexcept { return started_ && !finished_ && !remaining_; }
    // Whether the end of the client's side ends the exchange.
    [[nodiscard]] bool ends_with_client() const noexcept { return ends_with_client_ || is_endless(); }
    [[nodiscard]] bool collects_body() const noexcept { return body_listener_ != nullptr; }
    // Whether more of the body may come: it is collected, or what has come was read down to low water.
    [[nodiscard]] bool wants_body() const noexcept;
    void on_body(std::string part);
    // Nothing follows behind `last`. Where the body is collected, `last` is all of it.
    void on_body_end(std::string last);
    // Nothing more comes, and what has come is not the whole of it.
    void on_body_failed(RefusalText refusal);
    void on_client_left() noexcept { client_left_ = true; }
    void on_drained();
    void on_end();

private:
    enum class BodyState : std::uint8_t { waiting, coming, whole, failed };

    [[nodiscard]] Result<void> check_start(int status, const http::Headers& headers) const;
    void start_body(std::uint64_t max_bytes);

    RequestInfo request_;
    std::string body_;  // collected, or what has come and was not read yet
    ExchangeTransport* transport_;
    BodyListener* body_listener_ = nullptr;  // until the body is whole or has failed
    std::uint64_t high_water_, low_water_;
    std::optional<std::uint64_t> remaining_;  // of an announced length
    WaiterList body_waiters_, drain_waiters_, end_waiters_;
    std::optional<RefusalText> body_refusal_;
    const MiddlewareList* middleware_ = nullptr;  // null: none
    std::unique_ptr<Observation> observation_;    // null: nobody observes
    BodyState body_state_;
    bool is_body_paused_ = false;
    bool started_ = false, finished_ = false, has_body_ = true;
    bool client_left_ = false, ends_with_client_ = false;
};

}  // namespace proapi::service
