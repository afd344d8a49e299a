// WebSocketConnection: one connection, as a handler and everyone it tells about it hold it. A cheap handle: copying,
// comparing, hashing and keeping it after the connection is gone are safe.
//
// A handle that was moved from has no connection any more: it can be compared, hashed, assigned to and destroyed, and
// everything else throws WebSocketStateError.
//
// A connection belongs to the thread of its handler. send_*(), close(), closed(), buffered_amount(), path() and the
// rest of what the request said may be called from any thread; everything else on the connection's own only.
//
// A thread that is none of the server's, such as one that produces data, can't await its sends. It paces itself by what
// waits, or max_buffered closes the connection:
//
//   while (!websocket.closed() && websocket.buffered_amount() > 500'000) std::this_thread::sleep_for(5ms);
//   websocket.send_bytes(next);
//
// The end of a connection is raised in its own handler and the tasks which that started (WebSocketDisconnect). Anywhere
// else a send to an ended connection is dropped and gives false: one user's leaving never breaks another's handler.
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

// Whether JSON goes as a text or a binary message.
enum class JsonMode : std::uint8_t { text, binary };

namespace detail {

// An operation that was done when it was called; awaiting it is allowed and never waits.
class Done {
public:
    [[nodiscard]] bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
    // It does not matter on whose behalf.
    void set_context(Context*) const noexcept {}
};

// A message that was sent when this was made. Awaiting it waits, if the outgoing buffer is above its high-water mark,
// until that has drained, and gives whether the connection took the message.
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

    std::unique_ptr<Unfinished, Delete> unfinished_;  // none where all is said, as it nearly always is
};

// The Close frame was queued when this was made; awaiting it waits until it has gone to the kernel.
class CloseOperation final : public Operation {
public:
    explicit CloseOperation(ConnectionRef state) noexcept;
    CloseOperation(CloseOperation&&) noexcept;
    ~CloseOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const { throw_if_cancelled(); }

private:
    ConnectionRef state_;  // none where there is nothing to wait for
};

// Waits until the connection is gone.
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

// Throws WebSocketStateError, naming the call: the handle or operation has been moved away.
[[noreturn]] void refuse_moved_connection(const char* call);

// Waits for the next message, which is made straight from the octets that were read. Acts when it is awaited.
class ReceiveOperation : public Operation {
public:
    explicit ReceiveOperation(const ConnectionRef& state) noexcept : state_(state) {}
    ReceiveOperation(ReceiveOperation&& other) noexcept;
    ~ReceiveOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept;
    void on_cancel() override;
    void let_go() noexcept override;

    // The connection's side: where the message goes, and that it is there.
    [[nodiscard]] Message& message() noexcept { return message_; }
    void on_received() {
        received_ = true;
        complete();
    }

protected:
    // Throws what came instead of a message.
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
    T await_resume() {
        Json value = take_json();
        if constexpr (std::is_same_v<T, Json>) {
            return value;
        } else {
            try {
                ConvertedJson<T> converted = convert_json<T>(value);
                if (!converted.altered_number) return std::move(converted.value);
                refuse_content("expected numbers that their type can hold as they are, got " +
                               *converted.altered_number);
            } catch (const Json::exception& error) {
                refuse_content(error.what());
            }
        }
    }
};

// The same, with nothing in place of WebSocketDisconnect where the end is a normal one: 1000, 1001, or no code given.
template <class Receiving>
class Next final : public Receiving {
public:
    using Receiving::Receiving;
    [[nodiscard]] bool await_ready() {
        try {
            return Receiving::await_ready();
        } catch (const WebSocketDisconnect& end) {  // before anybody waited
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
    // Sends the 101 response, at once. Throws std::invalid_argument for a subprotocol that the client did not offer and
    // for headers that the handshake writes itself, WebSocketStateError for a second call, WebSocketDisconnect where
    // the peer has gone already.
    detail::Done accept() const { return accept(std::nullopt); }
    detail::Done accept(std::optional<std::string_view> subprotocol, const Headers& headers = {}) const;
    // Refuses the handshake with an ordinary HTTP response of status 300-599.
    detail::Done reject(int status = 403, std::string_view body = {}, const Headers& headers = {}) const;
    // Queues a Close frame behind everything sent before, at once; awaiting it waits until the kernel has it all. The
    // closing handshake ends in the background, within close_timeout. Codes 1000-1003, 1007-1014, 3000-4999, a reason
    // of at most 123 octets of UTF-8; else std::invalid_argument and the connection stays open. A second call does
    // nothing. Before accept(): HTTP 403. Any thread; from another one it is done soon.
    detail::CloseOperation close(std::uint16_t code = 1000, std::string_view reason = {}) const;

    // The next message. Each throws WebSocketDisconnect once the connection has ended and no message is left,
    // WebSocketMessageError for a message of another kind (the next call gets the next message), WebSocketStateError
    // before accept() and while another task receives.
    [[nodiscard]] detail::ReceiveTextOperation receive_text() const {
        return detail::ReceiveTextOperation(ref("receive_text()"));
    }
    [[nodiscard]] detail::ReceiveBytesOperation receive_bytes() const {
        return detail::ReceiveBytesOperation(ref("receive_bytes()"));
    }
    // From a text or binary message. T: anything that nlohmann::json converts to. Where T converts to it, too, numbers
    // are checked, in members and elements as well: an integer takes no fraction, no true or false and nothing out of
    // its range, a float or double nothing that would be infinite; a T that is a std::array, pair or tuple takes no
    // number too many.
    template <class T = Json>
    [[nodiscard]] detail::ReceiveJsonOperation<T> receive_json() const {
        return detail::ReceiveJsonOperation<T>(ref("receive_json()"));
    }
    // Of either kind.
    [[nodiscard]] detail::ReceiveAnyOperation receive() const { return detail::ReceiveAnyOperation(ref("receive()")); }

    // For loops: `while (auto message = co_await websocket.next_text())`. They give nothing at a normal disconnect
    // (Python's `async for` and iter_text()); everything else is as above.
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

    // Send at once, in call order, also where the result is not awaited: then nothing keeps the sender from filling the
    // buffer beyond max_buffered, which closes the connection with 1008. Awaited, they give whether the connection took
    // the message. Throw std::invalid_argument for text that is not UTF-8 and JSON that can't be written (see
    // write_json), WebSocketStateError before accept(). Any thread.
    detail::SendOperation send_text(std::string_view text) const;
    detail::SendOperation send_bytes(std::span<const std::byte> bytes) const;
    detail::SendOperation send_json(const Json& value, JsonMode mode = JsonMode::text) const;

    // Of the request: valid before accept() and after the end. Any thread.
    [[nodiscard]] const std::string& path() const;  // decoded
    [[nodiscard]] const Params& path_params() const;
    [[nodiscard]] const Params& query_params() const;
    [[nodiscard]] const Headers& headers() const;
    [[nodiscard]] const Params& cookies() const;
    [[nodiscard]] const std::vector<std::string>& subprotocols() const;  // as offered
    [[nodiscard]] const Client& client() const;
    [[nodiscard]] const std::string& url() const;  // "ws://localhost:8000/chat/lobby?name=a"

    // Whatever the application wants to remember with the connection.
    [[nodiscard]] std::unordered_map<std::string, std::any>& state() const;
    // The older name of state().
    [[nodiscard]] std::unordered_map<std::string, std::any>& user_data() const;

    // True from the moment no further message can be delivered: Close sent or received, or the connection lost. From
    // another thread: true once the connection is gone.
    [[nodiscard]] bool closed() const;
    // None while it is not closed.
    [[nodiscard]] std::optional<std::uint16_t> close_code() const;
    [[nodiscard]] const std::string& close_reason() const;
    [[nodiscard]] const std::string& subprotocol() const;  // empty: none
    // Octets that wait to be sent, with those that other threads have sent and that are on their way here. From another
    // thread: as it was a moment ago, but for that thread's own sends, which count at once.
    [[nodiscard]] std::size_t buffered_amount() const;
    // Waits until the connection is gone.
    [[nodiscard]] detail::WaitForEndOperation wait_closed() const {
        return detail::WaitForEndOperation(ref("wait_closed()"));
    }

    friend bool operator==(const WebSocketConnection&, const WebSocketConnection&) noexcept = default;
    friend auto operator<=>(const WebSocketConnection&, const WebSocketConnection&) noexcept = default;

    explicit WebSocketConnection(detail::ConnectionRef state) noexcept : state_(std::move(state)) {}

private:
    friend struct std::hash<WebSocketConnection>;
    // Throws WebSocketStateError where the handle was moved from.
    [[nodiscard]] const detail::ConnectionRef& ref(const char* call) const {
        if (!state_) [[unlikely]]
            detail::refuse_moved_connection(call);
        return state_;
    }

    detail::ConnectionRef state_;
};

// Starlette's name.
using WebSocket = WebSocketConnection;

}  // namespace proapi

template <>
struct std::hash<proapi::WebSocketConnection> {
    std::size_t operator()(const proapi::WebSocketConnection& connection) const noexcept {
        return std::hash<const void*>()(connection.state_.get());
    }
};
