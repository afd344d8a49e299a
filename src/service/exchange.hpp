// One HTTP request and its response, starting from the request's head. HTTP handlers work on this object. It enforces
// the order of the response's parts and rejects whatever would break the framing. As with WebSocket, members called by
// the application never call back; the carrier calls waiters and listeners. One thread.
//
//   the request's body:  waiting --start by collect_body() or read_body()--> coming --> whole
//                            (failed if the carrier gives up, or if it is not what its Content-Encoding says)
//   the response:        none --start()--> started --finish()--> finished       or one of respond*(), refuse()
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/compression_memory.hpp"
#include "base/descriptor.hpp"
#include "base/intrusive_ptr.hpp"
#include "http/content_encoder.hpp"
#include "service/coded_body.hpp"
#include "service/error.hpp"
#include "service/middleware.hpp"
#include "service/observer.hpp"
#include "service/refusals.hpp"
#include "service/request_info.hpp"
#include "service/send_outcome.hpp"
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
    Exchange* encoded_by = nullptr;  // its encode_file() returns what to send for each part; null: sent as it is
};

struct ResponseStart {
    int status = 200;
    const http::Headers& headers;
    std::optional<std::uint64_t> content_length;
    bool has_body = true;  // no response to HEAD, and none of 204 or 304, has one (RFC 9110 section 6.4.1)
};

// Carries an exchange: a session over a socket, or an adapter to another server.
class ExchangeTransport {
public:
    // --- the request's body, if it has one ---
    // Whether all octets of the body have arrived already, before the application has asked for it. False if the
    // carrier does not know.
    [[nodiscard]] virtual bool has_body_arrived() const noexcept = 0;
    // The application wants the body; a client that waits for 100-continue gets it now. The carrier passes the body to
    // on_body() in parts, or as a whole to on_body_end() if the exchange collects it. If the body exceeds `max_bytes`,
    // the carrier calls on_body_failed().
    virtual void start_body(std::uint64_t max_bytes) = 0;
    // Exchange::wants_body() has become true again.
    virtual void resume_body() = 0;

    // --- the response ---
    virtual void write_head(const ResponseStart& start) = 0;
    virtual void write_body(base::Bytes bytes) = 0;
    // Reserves a descriptor for a file and returns false if none is left. write_file() or the end of the response
    // releases it.
    [[nodiscard]] virtual bool take_file() = 0;
    // Sends the rest of the response from `file`, and finishes the response.
    virtual void write_file(FileBody file) = 0;
    // The response is complete.
    virtual void finish_response() = 0;
    // The response will never be complete: what the client has received must not look complete.
    virtual void abort_response() = 0;
    // Ends the connection after this response, because the octets that follow can't or must not be interpreted.
    virtual void end_after_response() = 0;
    // From now on the exchange ends when its client leaves. If the client has left already, the carrier ends the
    // exchange later, with no handler on the stack.
    virtual void watch_client() = 0;
    [[nodiscard]] virtual std::size_t buffered_amount() const noexcept = 0;
    // Bounds the memory of everything that is compressed part by part.
    [[nodiscard]] virtual base::CompressionMemory& compression_memory() noexcept = 0;

    // --- the handshake ---
    // Takes the request out of the exchange and continues as a WebSocket. Returns null if the client does not wait for
    // the answer. `settings` must live as long as the transport.
    [[nodiscard]] virtual base::IntrusivePtr<WebSocket> upgrade(Exchange& exchange,
                                                                const WebSocketSettings& settings) = 0;

protected:
    ~ExchangeTransport() = default;
};

// Waits for a whole body.
class BodyListener {
public:
    virtual void on_body_collected(Exchange& exchange) = 0;

protected:
    ~BodyListener() = default;
};

// What the engine would answer by itself, if the application did not answer in its place.
struct PendingRefusal {
    int status = 0;
    std::string text;  // one line without its line end
    http::Headers headers;
};

// Passes refusals on to the application.
class RefusalListener {
public:
    [[nodiscard]] virtual bool wants_refusal(int status) const noexcept = 0;
    // The exchange has a refusal() and waits for a response.
    virtual void on_refusal(Exchange& exchange) = 0;

protected:
    ~RefusalListener() = default;
};

class Exchange final : public base::RefCounted {
public:
    enum class Body : std::uint8_t { none, waiting };  // whether the request has one
    Exchange(RequestInfo request, Body body, ExchangeTransport& transport, std::uint64_t high_water,
             std::uint64_t low_water);

    [[nodiscard]] const RequestInfo& request() const noexcept { return request_; }
    void set_match(http::Match match) noexcept { request_.match = std::move(match); }

    // --- the request's body: whole ---
    // The carrier calls `listener` once, when the body is whole. A body that fails is answered with its refusal
    // instead.
    void collect_body(BodyListener& listener, std::uint64_t max_bytes);
    // The decoded body, after it was collected.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    // Moves the body out, for callers that keep it in another form. body() is empty afterwards.
    [[nodiscard]] std::string take_body() noexcept { return std::exchange(body_, {}); }

    // --- the request's body: in parts ---
    // Limits the body of read_body(). Call it before that.
    void limit_body(std::uint64_t max_bytes) noexcept { max_body_bytes_ = max_bytes; }
    // Returns what has arrived since the last call; the first call asks for the body. Returns nullopt if nothing has
    // arrived; unless is_body_whole(), wait_body() then waits for more. Fails if the body failed (see body_refusal())
    // or the client has left.
    [[nodiscard]] Result<std::optional<std::string>> read_body();
    // Whether read_body() would return nullopt although more may come. Asks for the body, as read_body() does.
    [[nodiscard]] bool must_wait_for_body();
    [[nodiscard]] bool is_body_whole() const noexcept { return body_state_ == BodyState::whole; }
    // Whether collect_body() has nothing to wait for: the body has arrived, or its announced length is refused.
    [[nodiscard]] bool is_body_decided(std::uint64_t max_bytes) const noexcept;
    // Wakes `waiter` when a part arrives, when the body ends, or when it fails.
    void wait_body(Waiter& waiter) noexcept { body_waiters_.add(waiter); }
    // The answer to a body that failed; nullopt if it has not failed.
    [[nodiscard]] const std::optional<RefusalText>& body_refusal() const noexcept { return body_refusal_; }

    // --- the response ---
    // Sends a complete response.
    [[nodiscard]] Result<void> respond(int status, const http::Headers& headers, std::string_view body);
    [[nodiscard]] Result<void> respond_with_file(int status, const http::Headers& headers, FileBody file);
    // Sends one of the engine's own refusals, a line of text, or passes it to the listener. Does nothing if a response
    // has been started.
    void refuse(Refusal refusal, http::Headers headers = {});
    void refuse(int status, std::string_view text, http::Headers headers = {});
    // What the listener got; null: nothing. Answering with it is up to the application.
    [[nodiscard]] const PendingRefusal* refusal() const noexcept { return refusal_.get(); }
    // Sends a streamed response: its head, its parts, its end.
    [[nodiscard]] Result<void> start(int status, const http::Headers& headers,
                                     std::optional<std::uint64_t> content_length);
    [[nodiscard]] Result<SendOutcome> write(base::Bytes bytes);
    [[nodiscard]] Result<void> finish();
    // The handler failed. Answers 500 if nothing was sent yet; otherwise cuts the connection. A front end calls it for
    // every handler that ends without a complete response. Does nothing on a finished exchange.
    void fail();
    // Ends the connection after this response. Call it before the response.
    void end_connection();

    // Whether what is written reaches the client. Valid once the response is started.
    [[nodiscard]] bool has_body() const noexcept { return has_body_; }

    [[nodiscard]] bool is_above_low_water() const noexcept;
    void wait_drained(Waiter& waiter) noexcept { drain_waiters_.add(waiter); }
    // Only while has_ended() is false: after the end no waiter is called.
    void wait_end(Waiter& waiter) noexcept { end_waiters_.add(waiter); }
    // A client that ends its side (FIN) may still wait for the answer. From now on it counts as a client that has left,
    // which ends the exchange. A response without a length does the same by itself once it is started.
    void end_with_client();
    [[nodiscard]] bool is_started() const noexcept { return started_; }
    [[nodiscard]] bool is_finished() const noexcept { return finished_; }
    // The client has left, or the exchange has become a WebSocket: everything sent is discarded.
    [[nodiscard]] bool has_ended() const noexcept { return transport_ == nullptr; }
    // As has_ended(), or the client has ended its side; whether it still reads can't be known.
    [[nodiscard]] bool has_client_left() const noexcept { return client_left_ || has_ended(); }

    // --- the handshake ---
    // Continues as a WebSocket and ends this exchange. Returns null if the client does not wait for the answer.
    [[nodiscard]] base::IntrusivePtr<WebSocket> upgrade(const WebSocketSettings& settings);

    // --- the service's side ---
    // The request's body arrives in this coding; the application gets the decoded body. Removes the fields that speak
    // of the coded one. Call it before the body is asked for.
    void set_body_coding(http::ContentCoding coding);
    // The response is compressed if its type and its client allow it, and if it has at least so many octets.
    void compress_from(std::uint64_t threshold_bytes) noexcept { compression_threshold_ = threshold_bytes; }
    // The response passes through `middleware` on its way out. The list outlives the exchange's transport.
    void set_middleware(const MiddlewareList& middleware) noexcept { middleware_ = &middleware; }
    // Asked once, before a refusal is sent. Null: nobody is. The application's own calls must not call back, so no
    // listener is set while the application has the exchange.
    void set_refusal_listener(RefusalListener* listener) noexcept { refusal_listener_ = listener; }
    // The observation reports when the exchange has ended.
    void set_observation(std::unique_ptr<Observation> observation) noexcept { observation_ = std::move(observation); }
    [[nodiscard]] Observation* observation() noexcept { return observation_.get(); }

    // --- the carrier's side ---
    // Returns the octets to send for the next part of the response's file, which may be none.
    [[nodiscard]] std::string encode_file(base::Bytes part, bool is_last);
    [[nodiscard]] RequestInfo take_request() noexcept { return std::move(request_); }
    // The response is open and has no announced length: the handler may add parts for as long as it likes.
    [[nodiscard]] bool is_endless() const noexcept { return started_ && !finished_ && !remaining_; }
    // Whether the exchange ends when the client ends its side.
    [[nodiscard]] bool ends_with_client() const noexcept { return ends_with_client_ || is_endless(); }
    [[nodiscard]] bool collects_body() const noexcept { return body_listener_ != nullptr; }
    // Whether on_body() wants the parts; otherwise on_body_end() wants the whole body.
    [[nodiscard]] bool wants_parts() const noexcept { return !collects_body() || coded_body_; }
    // Whether the exchange can take more of the body: it collects the body, or at most high water waits to be read.
    [[nodiscard]] bool wants_body() const noexcept;
    void on_body(std::string part);
    // The body is complete; nothing follows `last`.
    void on_body_end(std::string last);
    // One call decodes a bounded part of the body. While this is true, call decode_body() again, in another turn.
    [[nodiscard]] bool wants_to_decode() const noexcept;
    void decode_body();
    // The body is incomplete, and no more of it will come.
    void on_body_failed(RefusalText refusal);
    void on_client_left() noexcept { client_left_ = true; }
    void on_drained();
    void on_end();

private:
    enum class BodyState : std::uint8_t { waiting, coming, whole, failed };

    [[nodiscard]] Result<void> check_start(int status, const http::Headers& headers) const;
    void begin_response(int status, std::optional<std::uint64_t> content_length);
    void write_head_for_stream(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length);
    void respond_compressed(int status, const http::Headers& headers, std::string_view body);
    void send(base::Bytes bytes);
    [[nodiscard]] std::string encode(base::Bytes bytes, http::ContentEncoder::Until until);
    void send_encoded(base::Bytes bytes, http::ContentEncoder::Until until);
    void start_body();
    void take_whole_body();

    RequestInfo request_;
    std::string body_;  // the collected body, or the part that has arrived and was not read yet
    ExchangeTransport* transport_;
    BodyListener* body_listener_ = nullptr;  // until the body is whole or has failed
    std::uint64_t high_water_, low_water_;
    std::optional<std::uint64_t> remaining_;  // of an announced length
    WaiterList body_waiters_, drain_waiters_, end_waiters_;
    std::optional<RefusalText> body_refusal_;
    const MiddlewareList* middleware_ = nullptr;  // null: none
    std::unique_ptr<Observation> observation_;    // null: no observers
    RefusalListener* refusal_listener_ = nullptr;
    std::unique_ptr<PendingRefusal> refusal_;
    std::unique_ptr<CodedBody> coded_body_;  // null: the request's body has no coding
    std::uint64_t max_body_bytes_ = 0;       // of the request's body, decoded
    std::optional<std::uint64_t> compression_threshold_;
    std::unique_ptr<http::ContentEncoder> encoder_;  // of a response in parts or a file; null: sent as they are
    BodyState body_state_;
    bool is_body_paused_ = false;
    bool started_ = false, finished_ = false, has_body_ = true;
    bool client_left_ = false, ends_with_client_ = false;
};

}  // namespace proapi::service
