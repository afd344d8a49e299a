// From a message of the engine to the object that a handler gets: str, bytes, or what JSON makes of it.
//
// Two steps. While the engine's turn runs, the octets are copied into a str or bytes, which runs no Python code. The
// task that receives makes its object of that, which for JSON may run the application's own code.
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

// str for text, else bytes; JSON is bytes always. Null with an exception set: no memory.
[[nodiscard]] PyObject* copy_message(service::MessageView message, ReceiveKind kind);

// The object for the handler, of a `copy` of a message of `message_kind`, which is stolen. `json_type`: may be null.
// Null with an exception set: WebSocketMessageError for the other kind of message, or for invalid JSON.
[[nodiscard]] PyObject* convert_message(const ModuleState& state, PyObject* copy, service::MessageKind message_kind,
                                        ReceiveKind kind, PyObject* json_type);

}  // namespace proapi::bindings
