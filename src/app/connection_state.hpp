// What all handles of one WebSocket share: the engine's WebSocket, the receive that waits for it, and what the
// application has put beside it. Sends from other threads are brought to its own.
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

// A handler that is to be cancelled at the connection's end, unless what it waits for tells it.
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
    // Keeps itself until the connection is gone.
    void begin();

    [[nodiscard]] bool is_on_own_thread() const noexcept { return websocket_.worker()->is_current(); }
    [[nodiscard]] Worker& worker() const noexcept { return *websocket_.worker(); }
    // On its own thread only; throws WebSocketStateError, naming the call, elsewhere.
    [[nodiscard]] service::WebSocket& websocket(const char* call) const;
    // The same without the check.
    [[nodiscard]] service::WebSocket& websocket() const noexcept { return *websocket_; }
    // Its transport is gone. Any thread.
    [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
    [[nodiscard]] const RequestView& view();
    [[nodiscard]] std::unordered_map<std::string, std::any>& state(const char* call);

    void accept(std::optional<std::string_view> subprotocol, const http::Headers& headers);
    [[nodiscard]] SendOperation send(service::MessageKind kind, base::Bytes payload);
    // What other threads have on its way here counts like what is buffered.
    [[nodiscard]] std::atomic<std::size_t>& remote_bytes() noexcept { return remote_bytes_; }
    [[nodiscard]] std::uint64_t max_buffered() const noexcept { return max_buffered_; }
    // Of both. On another thread than its own what that has told last, which asking brings up to date soon.
    [[nodiscard]] std::size_t buffered_amount();
    // Tells other threads. On its own.
    void note_buffered() noexcept { buffered_.store(websocket_->buffered_amount(), std::memory_order_relaxed); }
    // It is too much: closes with 1008. Any thread.
    void overflow();
    // False where there is nothing to wait for: closed already, or done on another thread.
    bool close(std::uint16_t code, std::string_view reason);

    // Whether a message was there.
    [[nodiscard]] bool try_receive(Message& message) const;
    void wait_message(ReceiveOperation& receiving) noexcept;
    void cancel_receive(ReceiveOperation& receiving) noexcept;

    // Who wants to know of an end that the connection's own handler has not made and not been told. None: null.
    void set_disconnect_waiter(DisconnectWaiter* waiter) noexcept { disconnect_waiter_ = waiter; }
    // This side has ended it: its own handler needs no telling.
    void note_own_end() const noexcept;
    // Whoever runs now, or `context`, is told of the end.
    void note_end_seen() const noexcept;
    void note_end_seen(Context& context) const noexcept;

    // Throws the exception of an error: WebSocketStateError, std::invalid_argument or WebSocketDisconnect.
    [[noreturn]] void raise(const service::Error& error) const;
    void require(const service::Result<void>& result) const;
    [[noreturn]] void raise_disconnect() const;

private:
    void on_message(service::MessageView message) override;
    void on_end() override;
    void on_ready() override;  // the connection is gone

    friend class ConnectionRef;
    WorkerPtr<service::WebSocket> websocket_;
    const std::uint64_t max_buffered_;  // the engine's settings end with the worker's thread, and others still ask
    ReceiveOperation* receiving_ = nullptr;
    DisconnectWaiter* disconnect_waiter_ = nullptr;
    std::unique_ptr<RequestView> view_;
    std::unique_ptr<std::unordered_map<std::string, std::any>> state_;  // the application's
    std::once_flag view_once_;
    std::atomic<std::uint32_t> references_ = 0;  // the connection itself holds one until it is gone
    std::atomic<std::size_t> remote_bytes_ = 0, buffered_ = 0;
    std::atomic<bool> asked_for_buffered_ = false;
    std::atomic<bool> accepted_ = false, overflowed_ = false, ended_ = false;
};

// Makes a message of what the engine has; the octets are copied once.
void make_message(service::MessageView from, Message& to);

}  // namespace proapi::detail
