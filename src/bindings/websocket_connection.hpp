// WebSocketConnection, the object a Python handler holds: a Python face on service::WebSocket. Its sends act when they
// are called; its receives are awaitables that the engine completes directly.
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

// A source that must be asked for each message: another server's receive(). The task that waits for a message steps it.
class MessageSource {
public:
    // What to step, a new reference. Null: messages come by themselves at present. Throws a Python exception.
    [[nodiscard]] virtual PyObject* begin_reading() = 0;
    // What it has returned; null: nobody waits for it any more.
    virtual void end_reading(PyObject* message) = 0;
    // By the exception that is set, which is taken: the connection's end will be told.
    virtual void fail_reading() = 0;

protected:
    ~MessageSource() = default;
};

struct ConnectionObject {
    PyObject_HEAD service::WebSocket* websocket;  // a counted reference
    const ModuleState* state;
    MessageSource* source;                  // null: the engine's own connection
    MessageReceiver* receiver;              // made at the first receive that has to wait
    ReceiveOperation* spare_receive;        // memory for the next receive, or null
    PyObject* loop;                         // the loop it lives on
    std::shared_ptr<int> dropped_in_a_row;  // sends, by all connections of the loop's thread
    DisconnectCallback* on_disconnect;      // null unless its route asks for one
    PyObject* path_params;
    PyObject* headers;  // made when first asked for, like those below
    PyObject* query_params;
    PyObject* cookies;
    PyObject* user_data;
    PyObject* attributes;  // the State over user_data
    PyObject* app;         // null: none was given
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

// A new reference, or null with an exception set. `loop` is the event loop it belongs to.
[[nodiscard]] PyObject* make_connection(const ModuleState& state, base::IntrusivePtr<service::WebSocket> websocket,
                                        PyObject* loop);

// Borrowed; for WaitCondition.
[[nodiscard]] PyObject* loop_of_connection(PyObject* self);

// The handler itself ends the connection, or is told of its end: where it runs now, nothing cancels it any more. False
// with an exception set.
[[nodiscard]] bool forget_disconnect_of_own(ConnectionObject* connection);

}  // namespace proapi::bindings
