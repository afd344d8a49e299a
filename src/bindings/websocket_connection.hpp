// WebSocketConnection, the object that a Python handler holds: the Python interface of service::WebSocket. Sends act
// when they are called; receives are awaitables that the engine completes directly.
#pragma once

#include <Python.h>

#include <memory>

#include "base/intrusive_ptr.hpp"
#include "bindings/module_state.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

class DisconnectCallback;
class MessageReceiver;
struct ReceiveOperation;

// A source that must be asked for each message: another server's receive(). The task that waits for a message steps the
// read.
class MessageSource {
public:
    // Returns the iterator to step, a new reference. Null: messages come without being asked for at present. Throws a
    // Python exception.
    [[nodiscard]] virtual PyObject* begin_reading() = 0;
    // `message` is what the read has returned. Null: the read was given up.
    virtual void end_reading(PyObject* message) = 0;
    // The read has raised the exception that is set. Takes the exception, and ends the connection.
    virtual void fail_reading() = 0;

protected:
    ~MessageSource() = default;
};

struct ConnectionObject {
    PyObject_HEAD service::WebSocket* websocket;  // a counted reference
    const ModuleState* state;
    MessageSource* source;                  // null: the engine's own connection
    MessageReceiver* receiver;              // null until the first receive that has to wait
    ReceiveOperation* spare_receive;        // memory for the next receive, or null
    PyObject* loop;                         // the event loop of the connection
    std::shared_ptr<int> dropped_in_a_row;  // sends dropped by all connections of the loop's thread
    DisconnectCallback* on_disconnect;      // null unless its route asks for one
    PyObject* path_params;
    PyObject* headers;  // made at the first access, like query_params to attributes
    PyObject* query_params;
    PyObject* cookies;
    PyObject* user_data;
    PyObject* attributes;  // the State over user_data
    PyObject* app;         // null until it is set
    PyObject* weak_references;
};

[[nodiscard]] inline ConnectionObject* as_connection(PyObject* object) noexcept {
    return reinterpret_cast<ConnectionObject*>(object);
}
[[nodiscard]] inline const ModuleState& find_module_state(PyObject* connection) noexcept {
    return *as_connection(connection)->state;
}
[[nodiscard]] inline service::WebSocket& get_websocket(PyObject* object) noexcept {
    return *as_connection(object)->websocket;
}

extern PyGetSetDef connection_attributes[];
[[nodiscard]] bool add_connection_type(PyObject* module);

// Returns a new reference, or null with an exception set. `loop` is the event loop of the connection.
[[nodiscard]] PyObject* make_connection(const ModuleState& state, base::IntrusivePtr<service::WebSocket> websocket,
                                        PyObject* loop);

// Returns a borrowed reference; for WaitCondition.
[[nodiscard]] PyObject* loop_of_connection(PyObject* self);

// Call when a task ends the connection or is told of its end. If it is the task of the connection's own handler, drops
// the callback that would cancel the handler. Returns false with an exception set.
[[nodiscard]] bool forget_disconnect_of_own(ConnectionObject* connection);

}  // namespace proapi::bindings
