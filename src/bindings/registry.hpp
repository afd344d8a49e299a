// What the package has handed to the extension (register()), and names that are looked up often. One interpreter.
#pragma once

#include <Python.h>

#include <string_view>

#include "service/problem.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

struct Registry {
    PyObject* headers_type = nullptr;
    PyObject* query_params_type = nullptr;
    PyObject* disconnect_error = nullptr;
    PyObject* state_error = nullptr;
    PyObject* message_error = nullptr;
    PyObject* encode_json = nullptr;
    PyObject* decode_json = nullptr;
    PyObject* is_own_task = nullptr;       // (connection) -> bool: the running task is its own handler's
    PyObject* done_future = nullptr;       // an asyncio.Future of no loop, whose result is None
    PyObject* cancelled_error = nullptr;   // asyncio.CancelledError
    PyObject* get_running_loop = nullptr;  // asyncio's
};
[[nodiscard]] Registry& registry() noexcept;

// The one table from the engine's refusals to Python's exceptions. Sets the exception; gives null.
PyObject* raise_problem(const service::Problem& problem, const service::WebSocket* websocket = nullptr);

// Keeps SystemExit and KeyboardInterrupt that left a task for the loop to raise, and reports any other exception that
// nobody is there to take as unraisable. Call with an exception set.
void keep_exception(PyObject* source);
// Sets the kept exception again; false where there was none.
[[nodiscard]] bool raise_kept_exception();

[[nodiscard]] PyObject* to_str(std::string_view text);  // replaces what is not UTF-8
// Latin-1 both ways, as header fields are octets.
[[nodiscard]] PyObject* to_latin1_str(std::string_view text);

}  // namespace proapi::bindings
