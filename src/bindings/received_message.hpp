// Converts a message of the engine to the object that a handler gets: str, bytes, or the value of JSON.
//
// There are two steps. In the engine's turn, the octets are copied into a str or bytes, which runs no Python code. The
// receiving task converts the copy to its object, which for JSON may run the application's own code.
//
// Does not know connections or waiting tasks.
#pragma once

#include <Python.h>

#include <cstdint>

#include "bindings/module_state.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

// What a receive returns: any message, or only one kind.
enum class ReceiveKind : std::uint8_t { any, text, bytes, json };

// Returns a str for text, else bytes; always bytes if JSON is wanted. Null with an exception set: out of memory.
[[nodiscard]] PyObject* copy_message(service::MessageView message, ReceiveKind kind);

// Returns the object for the handler. Steals `copy`, which copy_message() has made of a message of `message_kind`.
// `json_type` may be null. Null with an exception set: WebSocketMessageError for the other kind of message, or for
// invalid JSON.
[[nodiscard]] PyObject* convert_message(const ModuleState& state, PyObject* copy, service::MessageKind message_kind,
                                        ReceiveKind kind, PyObject* json_type);

}  // namespace proapi::bindings
