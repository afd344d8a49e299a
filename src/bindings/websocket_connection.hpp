// WebSocketConnection, the object a Python handler holds: a Python face on service::WebSocket. Its sends act when they
// are called; its receives are awaitables that the engine completes directly.
#pragma once

#include <Python.h>

#include "base/intrusive_ptr.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

class DisconnectCallback;
class MessageReceiver;

// Where messages don't come by themselves, but have to be asked for: whoever waits for one steps another server's
// receive(), in its own task.
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
    MessageSource* source;                        // null: the engine's own connection
    MessageReceiver* receiver;                    // made at the first receive that has to wait
    PyObject* loop;                               // the loop it lives on
    DisconnectCallback* on_disconnect;            // null unless its route asks for one
    PyObject* path_params;
    PyObject* headers;  // made when first asked for, like those below
    PyObject* query_params;
    PyObject* cookies;
    PyObject* user_data;
    PyObject* weak_references;
};

[[nodiscard]] inline ConnectionObject* as_connection(PyObject* object) noexcept {
    return reinterpret_cast<ConnectionObject*>(object);
}
[[nodiscard]] inline service::WebSocket& websocket_of(PyObject* object) noexcept {
    return *as_connection(object)->websocket;
}

extern PyGetSetDef connection_attributes[];
[[nodiscard]] bool add_connection_type(PyObject* module);
[[nodiscard]] bool add_receive_types(PyObject* module);

// A new reference, or null with an exception set. `loop` is the event loop it belongs to.
[[nodiscard]] PyObject* make_connection(base::IntrusivePtr<service::WebSocket> websocket, PyObject* loop);

// The handler itself ends the connection, or is told of its end: where it runs now, nothing cancels it any more. False
// with an exception set.
[[nodiscard]] bool forget_disconnect_of_own(ConnectionObject* connection);

// What a receive gives: any message, or only one kind.
enum class ReceiveKind : std::uint8_t { any, text, bytes, json };
// Whether a normal end of the connection raises WebSocketDisconnect or StopAsyncIteration.
enum class EndOfMessages : std::uint8_t { raises, stops };
[[nodiscard]] PyObject* make_receive(ConnectionObject* connection, ReceiveKind kind, EndOfMessages end,
                                     PyObject* json_type);
[[nodiscard]] PyObject* make_message_iterator(ConnectionObject* connection, ReceiveKind kind, PyObject* json_type);
void drop_receiver(ConnectionObject* connection) noexcept;
int traverse_receiver(ConnectionObject* connection, visitproc visit, void* arg);

}  // namespace proapi::bindings
