// The async iterator of a connection itself and of iter_text(), iter_bytes() and iter_json().
//
// Each step is a ReceiveOperation that raises StopAsyncIteration at a normal end of the connection.
#pragma once

#include <Python.h>

#include "bindings/received_message.hpp"

namespace proapi::bindings {

struct ConnectionObject;

// Creates the type; false with an exception set.
[[nodiscard]] bool add_message_iterator_type(PyObject* module);
// `json_type`: null or None for any. A new reference, or null with an exception set.
[[nodiscard]] PyObject* make_message_iterator(ConnectionObject* connection, ReceiveKind kind, PyObject* json_type);

}  // namespace proapi::bindings
