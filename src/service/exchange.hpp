// One HTTP request and the response to it: what an HTTP handler holds. It keeps the order of the response's parts and
// checks what would break the framing. Like WebSocket, its members never call back; waiters are called by the
// session. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "base/intrusive_ptr.hpp"
#include "service/problem.hpp"
#include "service/request_info.hpp"
#include "service/waiter.hpp"

namespace proapi::service {

// A part of an open regular file.
struct FileBody {
    base::Descriptor file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

// The session under an exchange.
class ExchangeTransport {
public:
    virtual void write_head(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length) = 0;
    virtual void write_body(base::Bytes bytes) = 0;
    // Whether there is a descriptor left for a file; write_file() or the response's end gives it back.
    [[nodiscard]] virtual bool take_file() = 0;
    virtual void write_file(FileBody file) = 0;
    // The response is whole.
    virtual void finish_response() = 0;
    // It never will be: what the client has of it must not look whole.
    virtual void abort_response() = 0;
    // The exchange ends with its client from now on: to be acted on, with no handler on the stack, if that has left.
    virtual void watch_client() = 0;
    [[nodiscard]] virtual std::size_t buffered_amount() const noexcept = 0;

protected:
    ~ExchangeTransport() = default;
};

class Exchange final : public base::RefCounted {
public:
    Exchange(RequestInfo request, std::string body, ExchangeTransport& transport, std::uint64_t high_water,
             std::uint64_t low_water);

    [[nodiscard]] const RequestInfo& request() const noexcept { return request_; }
    // Decoded, whole.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    // For who keeps it in another form: there is none here any more.
    [[nodiscard]] std::string take_body() noexcept { return std::exchange(body_, {}); }

    // A whole response.
    [[nodiscard]] Problem respond(int status, const http::Headers& headers, std::string_view body);
    [[nodiscard]] Problem respond_with_file(int status, const http::Headers& headers, FileBody file);
    // A streamed one: its head, parts, its end.
    [[nodiscard]] Problem start(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length);
    [[nodiscard]] Problem write(base::Bytes bytes, SendResult& result);
    [[nodiscard]] Problem finish();
    // The handler failed: 500 where nothing was sent yet, else the connection is cut. A front end calls it for every
    // handler that ends without a whole response; on a finished exchange it does nothing.
    void fail();

    // Whether what is written reaches the client: no response to HEAD, and none of 204 or 304, has a body (RFC 9110
    // section 6.4.1). To be asked once it is started.
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
    // The client is gone: whatever is sent goes nowhere.
    [[nodiscard]] bool has_ended() const noexcept { return transport_ == nullptr; }
    // The same, or it has ended its side: whether it still reads can't be told.
    [[nodiscard]] bool has_client_left() const noexcept { return client_left_ || has_ended(); }

    // --- the session's side ---
    // Parts follow for as long as the handler likes.
    [[nodiscard]] bool is_endless() const noexcept { return started_ && !finished_ && !remaining_; }
    // Whether the end of the client's side ends the exchange.
    [[nodiscard]] bool ends_with_client() const noexcept { return ends_with_client_ || is_endless(); }
    void on_client_left() noexcept { client_left_ = true; }
    void on_drained();
    void on_end();

private:
    [[nodiscard]] Problem check_start(int status, const http::Headers& headers) const;

    RequestInfo request_;
    std::string body_;
    ExchangeTransport* transport_;
    std::uint64_t high_water_, low_water_;
    std::optional<std::uint64_t> remaining_;  // of an announced length
    WaiterList drain_waiters_, end_waiters_;
    bool started_ = false, finished_ = false, has_body_ = true;
    bool client_left_ = false, ends_with_client_ = false;
};

}  // namespace proapi::service
