// WebSocketConnection: a handle of one connection, for its handler and for any code that the handler shares it with. It
// is cheap: copying, comparing, hashing and keeping it are safe even after the connection has ended.
//
// A moved-from handle has no connection. It can be compared, hashed, assigned to and destroyed; every other call throws
// WebSocketStateError.
//
// A connection belongs to the thread of its handler. send_*(), close(), closed(), buffered_amount(), path() and the
// other accessors of the request may be called from any thread; everything else only from the connection's own thread.
//
// A thread that does not belong to the server, such as one that produces data, can't await its sends. It must slow down
// by itself while too much is buffered, or max_buffered closes the connection:
//
//   while (!websocket.closed() && websocket.buffered_amount() > 500'000) std::this_thread::sleep_for(5ms);
//   websocket.send_bytes(next);
//
// An awaited send to an ended connection throws WebSocketDisconnect only in the connection's own handler and the tasks
// that this handler awaits, such as the children of when_all(). Anywhere else, also in spawned tasks, the send is
// dropped and returns false: a user who leaves never breaks another user's handler.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proapi/context.hpp"
#include "proapi/errors.hpp"
#include "proapi/fields.hpp"
#include "proapi/json.hpp"

namespace proapi {

// Whether JSON is sent as a text or a binary message.
enum class JsonMode : std::uint8_t { text, binary };

struct SendOptions {
    // false: the message is not compressed, whatever the route's `compression` is. For secrets: what compresses well
    // reveals by its size what it repeats.
    bool compress = true;
};

namespace detail {

// An operation that was complete when the call returned. Awaiting it is allowed and never waits.
class Done {
public:
    [[nodiscard]] bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
    // The context does not matter.
    void set_context(Context*) const noexcept {}
};

// A message that was sent when this object was created. Awaiting it waits if the outgoing buffer is above its
// high-water mark, until that has drained, and returns whether the connection took the message.
class SendOperation final {
public:
    // Called by the promise of the coroutine that awaits it.
    void set_context(Context* context) noexcept {
        if (unfinished_) tell_context(context);
    }
    [[nodiscard]] bool await_ready() { return !unfinished_ || is_over(); }
    void await_suspend(std::coroutine_handle<> waiting);
    bool await_resume() { return !unfinished_ || outcome(); }

private:
    friend class ConnectionState;
    class Unfinished;
    struct Delete {
        void operator()(Unfinished* unfinished) const noexcept;
    };
    SendOperation() noexcept = default;
    explicit SendOperation(Unfinished* unfinished) noexcept : unfinished_(unfinished) {}
    void tell_context(Context* context) const noexcept;
    [[nodiscard]] bool is_over();
    [[nodiscard]] bool outcome();

    std::unique_ptr<Unfinished, Delete> unfinished_;  // null if the result is known, which is nearly always
};

// The Close frame was queued when this object was created; awaiting it waits until the kernel has taken it.
class CloseOperation final : public Operation {
public:
    explicit CloseOperation(ConnectionRef state) noexcept;
    CloseOperation(CloseOperation&&) noexcept;
    ~CloseOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const { throw_if_cancelled(); }

private:
    ConnectionRef state_;  // empty if there is nothing to wait for
};

// Waits until the connection's transport is closed.
class WaitForEndOperation final : public Operation {
public:
    explicit WaitForEndOperation(ConnectionRef state) noexcept;
    WaitForEndOperation(WaitForEndOperation&&) noexcept;
    ~WaitForEndOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const;

private:
    ConnectionRef state_;
};

// Throws WebSocketStateError, naming the call: the handle or operation was moved from.
[[noreturn]] void refuse_moved_connection(const char* call);

// Waits for the next message, which is built directly from the octets that were read. Acts when it is awaited.
class ReceiveOperation : public Operation {
public:
    explicit ReceiveOperation(ConnectionRef state) noexcept : state_(std::move(state)) {}
    ReceiveOperation(ReceiveOperation&& other) noexcept;
    ~ReceiveOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept;
    void on_cancel() override;
    void prepare_cancel() noexcept override;

    // For the connection: the place for the message, and the call after storing it.
    [[nodiscard]] Message& message() noexcept { return message_; }
    void on_received() {
        received_ = true;
        complete();
    }

protected:
    // Throws if the wait ended without a message: Cancelled or WebSocketDisconnect.
    void check_received() const;
    [[nodiscard]] std::string take_text();
    [[nodiscard]] Bytes take_bytes();
    [[nodiscard]] Json take_json();
    [[noreturn]] void refuse_content(const std::string& text);

private:
    ConnectionRef state_;
    Message message_;
    bool received_ = false;
};

class ReceiveTextOperation : public ReceiveOperation {
public:
    using ReceiveOperation::ReceiveOperation;
    std::string await_resume() { return take_text(); }
};

class ReceiveBytesOperation : public ReceiveOperation {
public:
    using ReceiveOperation::ReceiveOperation;
    Bytes await_resume() { return take_bytes(); }
};

class ReceiveAnyOperation : public ReceiveOperation {
public:
    using ReceiveOperation::ReceiveOperation;
    Message await_resume() {
        check_received();
        return std::move(message());
    }
};

template <class T>
class ReceiveJsonOperation : public ReceiveOperation {
public:
    using ReceiveOperation::ReceiveOperation;
    typename JsonTarget<T>::type await_resume() {
        Json value = take_json();
        if constexpr (std::is_same_v<T, Json>) {
            return value;
        } else {
            try {
                ConvertedJson<T> converted = convert_json<T>(value);
                if (!converted.altered_number) return std::move(converted.value);
                refuse_content("expected numbers that their type can hold as they are, got " +
                               converted.altered_number->dump());
            } catch (const Json::exception& error) {
                refuse_content(error.what());
            }
        }
    }
};

// The same, but returns std::nullopt instead of throwing WebSocketDisconnect at a normal end: 1000, 1001, or no code.
template <class Receiving>
class Next final : public Receiving {
public:
    using Receiving::Receiving;
    [[nodiscard]] bool await_ready() {
        try {
            return Receiving::await_ready();
        } catch (const WebSocketDisconnect& end) {  // the connection had ended before the wait
            if (!is_normal(end)) throw;
            return has_ended_ = true;
        }
    }
    auto await_resume() -> std::optional<decltype(std::declval<Receiving&>().await_resume())> {
        if (has_ended_) return std::nullopt;
        try {
            return Receiving::await_resume();
        } catch (const WebSocketDisconnect& end) {
            if (!is_normal(end)) throw;
            return std::nullopt;
        }
    }

private:
    [[nodiscard]] static bool is_normal(const WebSocketDisconnect& end) noexcept {
        return end.code() == 1000 || end.code() == 1001 || end.code() == 1005;
    }

    bool has_ended_ = false;
};

}  // namespace detail

class WebSocketConnection {
public:
    // Sends the 101 response at once. Throws std::invalid_argument for a subprotocol that the client did not offer and
    // for headers that the handshake writes itself, WebSocketStateError for a second call, and WebSocketDisconnect if
    // the peer has already left.
    detail::Done accept() const { return accept(std::nullopt); }
    detail::Done accept(std::optional<std::string_view> subprotocol, const Headers& headers = {}) const;
    // Refuses the handshake with an ordinary HTTP response of status 300-599.
    detail::Done reject(int status = 403, std::string_view body = {}, const Headers& headers = {}) const;
    // Queues a Close frame after everything sent before, at once; awaiting it waits until the kernel has taken
    // everything. The closing handshake ends in the background, within close_timeout. Allows the codes 1000-1003,
    // 1007-1014 and 3000-4999 and a reason of at most 123 octets of UTF-8; for anything else throws
    // std::invalid_argument, and the connection stays open. A second call does nothing. Before accept() it answers with
    // HTTP 403. Any thread; on a thread other than the connection's it takes effect soon.
    detail::CloseOperation close(int code = 1000, std::string_view reason = {}) const;

    // Returns the next message. Each call throws WebSocketDisconnect once the connection has ended and no message is
    // left, WebSocketMessageError for a message of another kind (the next call returns the next message), and
    // WebSocketStateError before accept() and while another task receives.
    [[nodiscard]] detail::ReceiveTextOperation receive_text() const {
        return detail::ReceiveTextOperation(ref("receive_text()"));
    }
    [[nodiscard]] detail::ReceiveBytesOperation receive_bytes() const {
        return detail::ReceiveBytesOperation(ref("receive_bytes()"));
    }
    // From a text or binary message. T: any type that nlohmann::json converts to. If T also converts to Json, its
    // numbers are checked, including those in members and elements: an integer accepts no fraction, no boolean and no
    // number outside its range; a float or double accepts no number that would become infinite; a std::array, pair or
    // tuple as T accepts no surplus number.
    template <class T = Json>
    [[nodiscard]] detail::ReceiveJsonOperation<T> receive_json() const {
        return detail::ReceiveJsonOperation<T>(ref("receive_json()"));
    }
    // Returns a message of either kind.
    [[nodiscard]] detail::ReceiveAnyOperation receive() const { return detail::ReceiveAnyOperation(ref("receive()")); }

    // For loops: `while (auto message = co_await websocket.next_text())`. They return std::nullopt at a normal
    // disconnect (like Python's `async for` and iter_text()); otherwise they behave like the calls above.
    [[nodiscard]] detail::Next<detail::ReceiveAnyOperation> next() const {
        return detail::Next<detail::ReceiveAnyOperation>(ref("next()"));
    }
    [[nodiscard]] detail::Next<detail::ReceiveTextOperation> next_text() const {
        return detail::Next<detail::ReceiveTextOperation>(ref("next_text()"));
    }
    [[nodiscard]] detail::Next<detail::ReceiveBytesOperation> next_bytes() const {
        return detail::Next<detail::ReceiveBytesOperation>(ref("next_bytes()"));
    }
    template <class T = Json>
    [[nodiscard]] detail::Next<detail::ReceiveJsonOperation<T>> next_json() const {
        return detail::Next<detail::ReceiveJsonOperation<T>>(ref("next_json()"));
    }

    // These send at once, in call order, even if the result is not awaited. A sender that does not await can fill the
    // buffer beyond max_buffered, which closes the connection with 1008. An awaited send returns whether the connection
    // took the message. They throw std::invalid_argument for text that is not UTF-8 and for JSON that can't be written
    // (see write_json), and WebSocketStateError before accept(). Any thread.
    detail::SendOperation send_text(std::string_view text, const SendOptions& options = {}) const;
    detail::SendOperation send_bytes(std::span<const std::byte> bytes, const SendOptions& options = {}) const;
    detail::SendOperation send_json(const Json& value, JsonMode mode = JsonMode::text,
                                    const SendOptions& options = {}) const;

    // Accessors of the request: valid before accept() and after the end. Any thread.
    [[nodiscard]] const std::string& path() const;  // decoded
    [[nodiscard]] const Params& path_params() const;
    [[nodiscard]] const Params& query_params() const;
    [[nodiscard]] const Headers& headers() const;
    [[nodiscard]] const Params& cookies() const;
    [[nodiscard]] const std::vector<std::string>& subprotocols() const;  // as offered
    [[nodiscard]] const Client& client() const;
    // The certificate that the client has proved to own, as PEM; empty if it presented none
    // (RunOptions::ssl_cert_reqs).
    [[nodiscard]] std::string_view client_certificate() const;
    [[nodiscard]] const std::string& url() const;  // "ws://localhost:8000/chat/lobby?name=a"

    // Data that the application keeps with the connection.
    [[nodiscard]] std::unordered_map<std::string, std::any>& state() const;
    // The older name of state().
    [[nodiscard]] std::unordered_map<std::string, std::any>& user_data() const;

    // Whether accept() was called. Any thread.
    [[nodiscard]] bool accepted() const;
    // True as soon as no further message can be delivered: a Close was sent or received, or the connection was lost. On
    // another thread: true only once the transport is closed.
    [[nodiscard]] bool closed() const;
    // Returns std::nullopt until the connection is closed.
    [[nodiscard]] std::optional<std::uint16_t> close_code() const;
    [[nodiscard]] const std::string& close_reason() const;
    [[nodiscard]] const std::string& subprotocol() const;  // empty if there is none
    // Octets that wait to be sent, including those that other threads have sent and that have not reached the
    // connection's thread. On another thread the value may be slightly out of date, but always includes that thread's
    // own sends.
    [[nodiscard]] std::size_t buffered_amount() const;
    // Waits until the underlying transport is closed; closed() may be true earlier.
    [[nodiscard]] detail::WaitForEndOperation wait_closed() const {
        return detail::WaitForEndOperation(ref("wait_closed()"));
    }

    friend bool operator==(const WebSocketConnection&, const WebSocketConnection&) noexcept = default;
    friend auto operator<=>(const WebSocketConnection&, const WebSocketConnection&) noexcept = default;

    explicit WebSocketConnection(detail::ConnectionRef state) noexcept : state_(std::move(state)) {}

private:
    friend struct std::hash<WebSocketConnection>;
    // Throws WebSocketStateError if the handle was moved from.
    [[nodiscard]] const detail::ConnectionRef& ref(const char* call) const {
        if (!state_) [[unlikely]]
            detail::refuse_moved_connection(call);
        return state_;
    }

    detail::ConnectionRef state_;
};

// The name that Starlette uses.
using WebSocket = WebSocketConnection;

}  // namespace proapi

template <>
struct std::hash<proapi::WebSocketConnection> {
    std::size_t operator()(const proapi::WebSocketConnection& connection) const noexcept {
        return std::hash<const void*>()(connection.state_.get());
    }
};
