// The receiver that a connection registers with its WebSocket while a task waits for a message. There is one for each
// connection, because only one task may receive at a time.
//
// The engine calls it from its turn, with no task on the stack, so it can step the task directly: it copies the message
// into the waiting ReceiveOperation, which converts the message in the task.
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
    // No task waits any more.
    void stop() noexcept;
    [[nodiscard]] ReceiveOperation* waiting() const noexcept { return waiting_; }

    void on_message(service::MessageView message) override;
    void on_end() override;
    void on_cancel() noexcept override { stop(); }

private:
    service::WebSocket& websocket_;
    ReceiveOperation* waiting_ = nullptr;
};

// Returns the connection's receiver, made at the first receive that has to wait. Throws std::bad_alloc.
[[nodiscard]] MessageReceiver& get_receiver(ConnectionObject* connection);
void drop_receiver(ConnectionObject* connection) noexcept;
int traverse_receiver(ConnectionObject* connection, visitproc visit, void* arg);

}  // namespace proapi::bindings
