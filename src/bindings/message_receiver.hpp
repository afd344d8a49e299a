// What a connection puts into its WebSocket while a task waits for a message; one a connection, as one task may receive
// at a time.
//
// The engine calls it from its turn, with no task on the stack. So it copies the message into the waiting
// ReceiveOperation and steps the task; what the message becomes for the handler is decided there.
#pragma once

#include "bindings/pending_future.hpp"
#include "bindings/receive_operation.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

class MessageReceiver final : public service::Receiver, public CancelListener {
public:
    explicit MessageReceiver(service::WebSocket& websocket) noexcept : websocket_(websocket) {}

    // Holds a reference to `operation`, whose future the task awaits, until a message, the end or stop().
    void wait(ReceiveOperation* operation) noexcept;
    // Nobody waits any more.
    void stop() noexcept;
    [[nodiscard]] ReceiveOperation* waiting() const noexcept { return waiting_; }

    void on_message(service::MessageView message) override;
    void on_end() override;
    void on_cancel() noexcept override { stop(); }

private:
    service::WebSocket& websocket_;
    ReceiveOperation* waiting_ = nullptr;
};

// The connection's receiver, made at the first receive that has to wait.
[[nodiscard]] MessageReceiver& get_receiver(ConnectionObject* connection);
void drop_receiver(ConnectionObject* connection) noexcept;
int traverse_receiver(ConnectionObject* connection, visitproc visit, void* arg);

}  // namespace proapi::bindings
