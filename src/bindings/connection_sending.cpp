// send_text(), send_bytes() and send_json() of WebSocketConnection. A send acts when it is called. The awaitable that
// it returns is complete, or waits while more than `high_water` octets are buffered.
//
// Knows neither frames nor limits: service::WebSocket checks the state and the limits, and queues the message.
#include <memory>
#include <string_view>

#include "bindings/arguments.hpp"
#include "bindings/completed_operation.hpp"
#include "bindings/connection_methods.hpp"
#include "bindings/guard.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/wait_operation.hpp"

namespace proapi::bindings {

namespace {

// ---- waiting for the buffer to drain ----------------------------------------------------------------------------

bool is_undrained(PyObject* self) {
    return !get_websocket(self).is_closed() && get_websocket(self).is_above_low_water();
}
void enlist_drained(PyObject* self, service::Waiter& waiter) {
    get_websocket(self).wait_drained(waiter);
}
PyObject* return_delivered(PyObject* self) {
    return PyBool_FromLong(!get_websocket(self).is_closed());
}
PyObject* return_delivered_or_raise(PyObject* self) {
    if (!get_websocket(self).is_closed()) Py_RETURN_TRUE;
    return raise_end_to_handler(self);
}

constexpr WaitCondition wait_for_drain{is_undrained, enlist_drained, return_delivered, loop_of_connection};
constexpr WaitCondition wait_for_own_drain{is_undrained, enlist_drained, return_delivered_or_raise, loop_of_connection};

// ---- one message ------------------------------------------------------------------------------------------------

// A dropped send does not wait, so a task that only sends to ended connections would block the loop forever. Therefore
// every hundredth send that is dropped in a row, with none delivered in between, waits for the loop's next turn. (Not
// every one: a task that sends to the members of a room should not be interrupted because one of them has just left.)
constexpr int max_dropped_in_a_row = 100;

PyObject* drop_send(PyObject* self) {
    int& dropped_in_a_row = *as_connection(self)->dropped_in_a_row;
    if (++dropped_in_a_row < max_dropped_in_a_row) return completed_false(find_module_state(self));
    dropped_in_a_row = 0;
    return make_completed_next_turn(find_module_state(self), Py_False);
}

// The end of a connection is raised only in the task of its own handler; sends of other tasks are dropped. The task is
// looked up here, not when the send is awaited: asyncio.wait_for() of Python 3.11 awaits in another task.
PyObject* send_or_throw(PyObject* self, service::MessageKind kind, base::Bytes payload, ws::Encoding encoding) {
    service::WebSocket& websocket = get_websocket(self);
    const auto sent = websocket.send(kind, payload, encoding);
    if (!sent) [[unlikely]]
        return raise_error(find_module_state(self), sent.error(), &websocket);
    if (*sent == service::SendOutcome::sent) [[likely]] {
        *as_connection(self)->dropped_in_a_row = 0;
        return completed_true(find_module_state(self));
    }
    const int is_own = is_own_task(self);
    if (is_own < 0) return nullptr;
    if (*sent == service::SendOutcome::full)
        return make_wait(find_module_state(self), self, is_own ? wait_for_own_drain : wait_for_drain);
    return is_own ? raise_end_to_handler(self) : drop_send(self);
}

// Does not throw: its callers have references and buffers to release.
constexpr auto send = guarded<send_or_throw>;

struct SendArguments {
    PyObject* data = nullptr;  // borrowed
    ws::Encoding encoding = ws::Encoding::negotiated;
};

// Returns whether `value` is true; -1 with an exception set.
int read_compress(PyObject* value, SendArguments& out) {
    const int is_true = PyObject_IsTrue(value);
    if (is_true == 0) out.encoding = ws::Encoding::none;
    return is_true;
}

// Reads `data`, positional or by name, and `compress`, by name. Returns false with an exception set.
bool read_send_arguments(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords, const char* name,
                         SendArguments& out) {
    if (count == 1) out.data = arguments[0];
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    bool is_good = count <= 1;
    for (Py_ssize_t i = 0; is_good && i < named; ++i) {
        PyObject* const key = PyTuple_GET_ITEM(keywords, i);
        PyObject* const value = arguments[count + i];
        if (PyUnicode_CompareWithASCIIString(key, "compress") == 0) {
            if (read_compress(value, out) < 0) return false;
        } else if (PyUnicode_CompareWithASCIIString(key, "data") == 0 && !out.data) {
            out.data = value;
        } else {
            is_good = false;
        }
    }
    if (is_good && out.data) return true;
    PyErr_Format(PyExc_TypeError, "%s: expected one argument, data, besides compress=; got %zd", name, count + named);
    return false;
}

// Returns null with an exception set; a BufferError if the octets are not contiguous.
PyObject* send_buffer(PyObject* self, PyObject* data, ws::Encoding encoding) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) != 0) return nullptr;
    PyObject* result =
        send(self, service::MessageKind::binary,
             {static_cast<const std::uint8_t*>(buffer.buf), static_cast<std::size_t>(buffer.len)}, encoding);
    PyBuffer_Release(&buffer);
    return result;
}

}  // namespace

std::shared_ptr<int> count_of_dropped_sends() {
    thread_local const auto count = std::make_shared<int>(0);
    return count;
}

PyObject* connection_send_text(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    SendArguments given;
    if (!read_send_arguments(arguments, count, keywords, "send_text", given)) return nullptr;
    std::string_view text;
    if (!read_str(given.data, "send_text", text)) return nullptr;
    return send(self, service::MessageKind::text, base::as_bytes(text), given.encoding);
}

PyObject* connection_send_bytes(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    SendArguments given;
    if (!read_send_arguments(arguments, count, keywords, "send_bytes", given)) return nullptr;
    if (!PyObject_CheckBuffer(given.data)) {
        PyErr_Format(PyExc_TypeError, "send_bytes: expected bytes, bytearray or memoryview, got %.200s",
                     Py_TYPE(given.data)->tp_name);
        return nullptr;
    }
    PyObject* result = send_buffer(self, given.data, given.encoding);
    if (result || !PyErr_ExceptionMatches(PyExc_BufferError)) return result;
    PyErr_Clear();
    PyObject* gathered = PyBytes_FromObject(given.data);  // for example, a memoryview of every second octet
    if (!gathered) return nullptr;
    result = send_buffer(self, gathered, given.encoding);
    Py_DECREF(gathered);
    return result;
}

PyObject* connection_send_json(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"data", "mode", "compress", nullptr};
    PyObject* data = nullptr;
    const char* mode = "text";
    int compress = 1;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|s$p:send_json", const_cast<char**>(names), &data, &mode,
                                     &compress))
        return nullptr;
    const std::string_view wanted(mode);
    if (wanted != "text" && wanted != "binary") {
        PyErr_Format(PyExc_ValueError, "send_json: expected mode 'text' or 'binary', got '%.50s'", mode);
        return nullptr;
    }
    PyObject* encoded = PyObject_CallOneArg(find_module_state(self).encode_json, data);
    if (!encoded) return nullptr;
    PyObject* result = nullptr;
    char* octets = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(encoded, &octets, &size) == 0)
        result = send(self, wanted == "text" ? service::MessageKind::text : service::MessageKind::binary,
                      base::as_bytes({octets, static_cast<std::size_t>(size)}),
                      compress ? ws::Encoding::negotiated : ws::Encoding::none);
    Py_DECREF(encoded);
    return result;
}

}  // namespace proapi::bindings
