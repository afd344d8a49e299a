// The methods of WebSocketConnection, by the file that defines them. websocket_connection.cpp puts them into one type.
//
// Each has the signature that its entry in the method table needs, and returns a new reference, or null with an
// exception set. service::WebSocket has the rules; the methods convert arguments, results and errors.
#pragma once

#include <Python.h>

#include <memory>

#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

// ---- connection_sending.cpp -------------------------------------------------------------------------------------

// How many sends in a row were dropped in this thread, which runs one event loop.
[[nodiscard]] std::shared_ptr<int> count_of_dropped_sends();
PyObject* connection_send_text(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords);
PyObject* connection_send_bytes(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords);
PyObject* connection_send_json(PyObject* self, PyObject* arguments, PyObject* keywords);

// ---- connection_handshake.cpp -----------------------------------------------------------------------------------

PyObject* connection_accept(PyObject* self, PyObject* arguments, PyObject* keywords);
PyObject* connection_reject(PyObject* self, PyObject* arguments, PyObject* keywords);

// ---- connection_closing.cpp -------------------------------------------------------------------------------------

PyObject* connection_close(PyObject* self, PyObject* arguments, PyObject* keywords);
PyObject* connection_wait_closed(PyObject* self, PyObject*);
// service::end_websocket(): takes how the handler ended, its name and an error; returns the line to log, or None.
PyObject* connection_end(PyObject* self, PyObject* arguments);
// Replaces the callback, which is called once when the connection is no longer open.
PyObject* connection_on_disconnect(PyObject* self, PyObject* callback);

// Whether the running task is that of the connection's own handler; negative with an exception set.
[[nodiscard]] int is_own_task(PyObject* self);
// Raises the end of the connection in its handler, which counts as told from now on. Returns null.
PyObject* raise_end_to_handler(PyObject* self);
void drop_disconnect_callback(ConnectionObject* connection) noexcept;

}  // namespace proapi::bindings
