// The state that all handles of one WebSocket share: the engine's WebSocket, the receive that waits for a message, and
// the application's own data. Sends from other threads are forwarded to the connection's thread.
#pragma once

#include <any>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "app/request_view.hpp"
#include "app/worker.hpp"
#include "proapi/websocket_connection.hpp"
#include "service/websocket.hpp"

namespace proapi::detail {

// A handler to be cancelled when its connection ends, unless the operation that it waits for reports the end.
class DisconnectWaiter : public service::Waiter {
public:
    [[nodiscard]] virtual const Context& handler() const noexcept = 0;

protected:
    ~DisconnectWaiter() = default;
};

class ConnectionState final : public StateLink, private service::Receiver, private service::Waiter {
public:
    ConnectionState(std::shared_ptr<Worker> worker, base::IntrusivePtr<service::WebSocket> websocket) noexcept
        : websocket_(std::move(worker), std::move(websocket)), max_buffered_(websocket_->max_buffered()) {}
    // Keeps this object alive until the transport is closed.
    void begin();

    [[nodiscard]] bool is_on_own_thread() const noexcept { return websocket_.worker()->is_current(); }
    [[nodiscard]] Worker& worker() const noexcept { return *websocket_.worker(); }
    // On the connection's thread only; throws WebSocketStateError, naming the call, on any other thread.
    [[nodiscard]] service::WebSocket& websocket(const char* call) const;
    // Like the function above, without the check.
    [[nodiscard]] service::WebSocket& websocket() const noexcept { return *websocket_; }
    // Whether the transport is closed. Any thread.
    [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
    [[nodiscard]] const RequestView& view();
    [[nodiscard]] std::unordered_map<std::string, std::any>& state(const char* call);

    void accept(std::optional<std::string_view> subprotocol, const http::Headers& headers);
    // Any thread.
    [[nodiscard]] bool is_accepted() const noexcept { return accepted_.load(std::memory_order_acquire); }
    [[nodiscard]] SendOperation send(service::MessageKind kind, base::Bytes payload, ws::Encoding encoding);
    // Octets that other threads have sent and that have not reached the connection's thread. They count as buffered.
    [[nodiscard]] std::atomic<std::size_t>& remote_bytes() noexcept { return remote_bytes_; }
    [[nodiscard]] std::uint64_t max_buffered() const noexcept { return max_buffered_; }
    // Returns remote_bytes() plus the octets that the connection's thread has buffered. On another thread, the second
    // part is the amount that the connection's thread published last; this call requests an update, which follows soon.
    [[nodiscard]] std::size_t buffered_amount();
    // Publishes the buffered amount for other threads. On the connection's thread.
    void note_buffered() noexcept { buffered_.store(websocket_->buffered_amount(), std::memory_order_relaxed); }
    // Called when too much is buffered: closes with 1008. Any thread.
    void overflow();
    // Returns false on any other thread than the connection's: the close is forwarded, and there is nothing to wait
    // for.
    bool close(int code, std::string_view reason);

    // Returns whether a message was available.
    [[nodiscard]] bool try_receive(Message& message) const;
    void wait_message(ReceiveOperation& receiving) noexcept;
    void cancel_receive(ReceiveOperation& receiving) noexcept;

    // Sets the waiter to notify of an end that the connection's own handler has neither caused nor been informed of;
    // null for none.
    void set_disconnect_waiter(DisconnectWaiter* waiter) noexcept { disconnect_waiter_ = waiter; }
    // This side has ended the connection. If the connection's own handler did, it need not be notified.
    void note_own_end() const noexcept;
    // Records that the current context, or `context`, has been informed of the end.
    void mark_end_seen_by_caller() const noexcept;
    void mark_end_seen_by_caller(Context& context) const noexcept;

    // Throws the exception of an error: WebSocketStateError, std::invalid_argument or WebSocketDisconnect.
    [[noreturn]] void raise(const service::Error& error) const;
    void require(const service::Result<void>& result) const;
    [[noreturn]] void raise_disconnect() const;

private:
    void on_message(service::MessageView message) override;
    void on_end() override;
    void on_ready() override;  // the transport is closed

    friend class ConnectionRef;
    WorkerPtr<service::WebSocket> websocket_;
    const std::uint64_t max_buffered_;  // a copy for other threads: the engine's settings end with the worker's thread
    ReceiveOperation* receiving_ = nullptr;
    DisconnectWaiter* disconnect_waiter_ = nullptr;
    std::unique_ptr<RequestView> view_;
    std::unique_ptr<std::unordered_map<std::string, std::any>> state_;  // the attributes that the application has set
    std::once_flag view_once_;
    std::atomic<std::uint32_t> references_ = 0;  // the connection itself holds one until its transport is closed
    std::atomic<std::size_t> remote_bytes_ = 0, buffered_ = 0;
    std::atomic<bool> asked_for_buffered_ = false;
    std::atomic<bool> accepted_ = false, overflowed_ = false, ended_ = false;
};

// Builds a message from the engine's view of it; copies the octets once.
void make_message(service::MessageView from, Message& to);

}  // namespace proapi::detail
