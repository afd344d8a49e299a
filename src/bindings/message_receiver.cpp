#include "bindings/message_receiver.hpp"

#include <utility>

#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

namespace {

// Steps the task.
void finish(ReceiveOperation* operation) {
    wake(operation->pending);
    Py_DECREF(operation);
}

}  // namespace

void MessageReceiver::wait(ReceiveOperation* operation) noexcept {
    Py_INCREF(operation);
    waiting_ = operation;
    websocket_.wait_message(*this);
}

void MessageReceiver::stop() noexcept {
    websocket_.cancel_receive(*this);
    if (ReceiveOperation* operation = std::exchange(waiting_, nullptr)) {
        if (operation->pending) forget_listener(operation->pending);
        Py_DECREF(operation);
    }
}

void MessageReceiver::on_message(service::MessageView message) {
    ReceiveOperation* operation = std::exchange(waiting_, nullptr);
    keep_message(operation, message);
    finish(operation);
}

void MessageReceiver::on_end() {
    ReceiveOperation* operation = std::exchange(waiting_, nullptr);
    operation->outcome = ReceiveOutcome::ended;
    finish(operation);
}

MessageReceiver& get_receiver(ConnectionObject* connection) {
    if (!connection->receiver) connection->receiver = new MessageReceiver(*connection->websocket);
    return *connection->receiver;
}

void drop_receiver(ConnectionObject* connection) noexcept {
    if (MessageReceiver* receiver = std::exchange(connection->receiver, nullptr)) {
        receiver->stop();
        delete receiver;
    }
}

int traverse_receiver(ConnectionObject* connection, visitproc visit, void* arg) {
    if (connection->receiver) Py_VISIT(connection->receiver->waiting());
    return 0;
}

}  // namespace proapi::bindings
