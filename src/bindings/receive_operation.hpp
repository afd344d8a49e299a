// The awaitable of receive(), receive_text(), receive_bytes(), receive_json() and of each step of `async for`.
//
// No message is taken before the operation is awaited. Then it takes the next message of the queue, or waits for one
// through the connection's MessageReceiver, or steps another server's receive() (MessageSource). The message is
// converted to the handler's object in the task, not in the engine's turn: converting may run the application's own
// code.
#pragma once

#include <Python.h>

#include <cstdint>

#include "bindings/received_message.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

struct ConnectionObject;

// Whether a normal end of the connection raises WebSocketDisconnect or StopAsyncIteration.
enum class EndOfMessages : std::uint8_t { raises, stops };
// The outcome of a receive, for the task to take.
enum class ReceiveOutcome : std::uint8_t { none, message, no_memory, ended, taken };

struct ReceiveOperation {
    PyObject_HEAD ConnectionObject* connection;
    PyObject* json_type;  // or null
    PyObject* pending;    // while a task waits
    PyObject* reading;    // another server's receive(), while this operation steps it
    PyObject* message;    // str or bytes; JSON as bytes
    service::MessageKind message_kind;
    ReceiveKind kind;
    EndOfMessages end;
    ReceiveOutcome outcome;
};

// Creates the type; false with an exception set.
[[nodiscard]] bool add_receive_operation_type(PyObject* module);
// `json_type`: null or None for any. A new reference, or null with an exception set.
[[nodiscard]] PyObject* make_receive_operation(ConnectionObject* connection, ReceiveKind kind, EndOfMessages end,
                                               PyObject* json_type);

// A connection keeps the memory of the last receive for the next one, since every message needs one.
int traverse_spare_receive(ConnectionObject* connection, visitproc visit, void* arg);
void free_spare_receive(ConnectionObject* connection) noexcept;

// Copies a message for the waiting task. Runs no Python code. If allocation fails, the outcome is no_memory.
void keep_message(ReceiveOperation* operation, service::MessageView message);

}  // namespace proapi::bindings
