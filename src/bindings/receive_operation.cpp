#include "bindings/receive_operation.hpp"

#include <optional>
#include <utility>

#include "bindings/awaitable_protocol.hpp"
#include "bindings/guard.hpp"
#include "bindings/message_receiver.hpp"
#include "bindings/pending_future.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

namespace {

ReceiveOperation* as_operation(PyObject* object) noexcept {
    return reinterpret_cast<ReceiveOperation*>(object);
}

// A normal end is one that the peer or this side intended.
bool is_normal_end(const service::WebSocket& websocket) noexcept {
    const int code = websocket.close_code().value_or(ws::close_code::abnormal_closure);
    return code == ws::close_code::normal || code == ws::close_code::going_away ||
           code == ws::close_code::no_status_received;
}

PyObject* raise_end(const ReceiveOperation* operation, const service::Error& error) {
    const service::WebSocket& websocket = *operation->connection->websocket;
    const bool has_ended = error.kind() == service::ErrorKind::disconnect;
    if (has_ended && !forget_disconnect_of_own(operation->connection)) return nullptr;
    if (operation->end == EndOfMessages::stops && has_ended && is_normal_end(websocket)) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return nullptr;
    }
    return raise_error(*operation->connection->state, error, &websocket);
}

// Puts what was read into the connection's queue. `message` null: nothing was read. An exception that is set stays set.
void end_reading(ReceiveOperation* operation, PyObject* message) {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    Py_CLEAR(operation->reading);
    if (MessageSource* source = operation->connection->source) source->end_reading(message);
    PyErr_Restore(type, value, traceback);
}

// PYGEN_NEXT: the reading waits for what is in `out`. PYGEN_RETURN: the reading has ended.
PySendResult step_reading(ReceiveOperation* operation, PyObject** out) {
    const PySendResult result = PyIter_Send(operation->reading, Py_None, out);
    if (result == PYGEN_NEXT) return result;
    if (result == PYGEN_RETURN) {
        PyObject* message = std::exchange(*out, nullptr);
        end_reading(operation, message);
        Py_DECREF(message);
        return PYGEN_RETURN;
    }
    MessageSource* source = operation->connection->source;
    if (source && PyErr_ExceptionMatches(PyExc_Exception)) {
        Py_CLEAR(operation->reading);
        source->fail_reading();
        return PYGEN_RETURN;
    }
    operation->outcome = ReceiveOutcome::taken;
    end_reading(operation, nullptr);
    return PYGEN_ERROR;
}

// Clears every field but the connection.
void clear_fields(ReceiveOperation* operation) {
    if (operation->reading) end_reading(operation, nullptr);
    if (operation->connection && operation->connection->receiver &&
        operation->connection->receiver->waiting() == operation)
        operation->connection->receiver->stop();
    Py_CLEAR(operation->json_type);
    Py_CLEAR(operation->pending);
    Py_CLEAR(operation->message);
}

int receive_traverse(PyObject* self, visitproc visit, void* arg) {
    ReceiveOperation* operation = as_operation(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(operation->connection);
    Py_VISIT(operation->json_type);
    Py_VISIT(operation->pending);
    Py_VISIT(operation->reading);
    Py_VISIT(operation->message);
    return 0;
}

int receive_clear(PyObject* self) {
    clear_fields(as_operation(self));
    Py_CLEAR(as_operation(self)->connection);
    return 0;
}

// Warns as Python does for coroutines.
constexpr const char* call_names[] = {"receive()", "receive_text()", "receive_bytes()", "receive_json()"};  // by kind
void warn_never_awaited(ReceiveKind kind, EndOfMessages end) {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    const char* name = end == EndOfMessages::stops ? "anext() of messages" : call_names[static_cast<int>(kind)];
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "%s was never awaited", name) != 0) PyErr_WriteUnraisable(nullptr);
    PyErr_Restore(type, value, traceback);
}

// Frees the memory, and the reference to the type.
void free_memory(ReceiveOperation* operation) noexcept {
    PyTypeObject* type = Py_TYPE(operation);
    PyObject_GC_Del(operation);
    Py_DECREF(type);
}

void receive_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    ReceiveOperation* operation = as_operation(self);
    if (operation->outcome == ReceiveOutcome::none && !operation->pending && !operation->reading &&
        operation->connection) [[unlikely]]
        warn_never_awaited(operation->kind, operation->end);
    clear_fields(operation);
    ConnectionObject* connection = std::exchange(operation->connection, nullptr);
    if (connection && !connection->spare_receive) {
        connection->spare_receive = operation;
    } else {
        free_memory(operation);
    }
    Py_XDECREF(connection);  // may destroy the connection, and with it the spare
}

// Returns the outcome, which can be taken once; null with an exception set.
PyObject* take_outcome(ReceiveOperation* operation) {
    switch (std::exchange(operation->outcome, ReceiveOutcome::taken)) {
        case ReceiveOutcome::message:
            return convert_message(*operation->connection->state, std::exchange(operation->message, nullptr),
                                   operation->message_kind, operation->kind, operation->json_type);
        case ReceiveOutcome::no_memory:
            return PyErr_NoMemory();
        case ReceiveOutcome::ended:
            return raise_end(operation, operation->connection->websocket->make_disconnect_error());
        case ReceiveOutcome::none:
        case ReceiveOutcome::taken:
            break;
    }
    PyErr_SetString(PyExc_RuntimeError, "this receive was awaited already");
    return nullptr;
}

PySendResult receive_am_send(PyObject* self, PyObject*, PyObject** out) {
    ReceiveOperation* operation = as_operation(self);
    *out = nullptr;
    if (!operation->connection) operation->outcome = ReceiveOutcome::taken;  // cleared by the garbage collector
    if (operation->outcome == ReceiveOutcome::none) {
        if (operation->pending) {
            PyErr_SetString(PyExc_RuntimeError, "this receive is awaited by another task already");
            return PYGEN_ERROR;
        }
        service::WebSocket& websocket = *operation->connection->websocket;
        service::Result<std::optional<service::Message>> received = std::optional<service::Message>();
        if (!operation->reading) {
            received = websocket.try_receive();
            if (MessageSource* source = operation->connection->source; source && received && !*received) {
                operation->outcome = ReceiveOutcome::taken;  // if it throws
                operation->reading = source->begin_reading();
                operation->outcome = ReceiveOutcome::none;
            }
        }
        if (operation->reading) {
            if (const PySendResult result = step_reading(operation, out); result != PYGEN_RETURN) return result;
            received = websocket.try_receive();
        }
        if (!received) {
            operation->outcome = ReceiveOutcome::taken;
            raise_end(operation, received.error());
            return PYGEN_ERROR;
        }
        const std::optional<service::Message>& message = *received;
        if (!message) {
            MessageReceiver& receiver = get_receiver(operation->connection);
            operation->pending =
                make_pending_future(*operation->connection->state, receiver, operation->connection->loop);
            if (!operation->pending) return PYGEN_ERROR;
            receiver.wait(operation);
            *out = Py_NewRef(operation->pending);
            return PYGEN_NEXT;
        }
        keep_message(operation, message->view());
    }
    *out = take_outcome(operation);
    return *out ? PYGEN_RETURN : PYGEN_ERROR;
}

// Throws into another server's receive(). If that returns a message all the same, the message waits for the next
// receive.
PyObject* throw_into_reading(ReceiveOperation* operation, PyObject* const* arguments, Py_ssize_t count) {
    PyObject* method = PyObject_GetAttrString(operation->reading, "throw");
    PyObject* yielded =
        method ? PyObject_Vectorcall(method, arguments, static_cast<std::size_t>(count), nullptr) : nullptr;
    Py_XDECREF(method);
    if (yielded) return yielded;
    operation->outcome = ReceiveOutcome::taken;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        end_reading(operation, nullptr);
        return nullptr;
    }
    PyObject* message = nullptr;
    const int has_message = _PyGen_FetchStopIterationValue(&message);
    end_reading(operation, has_message == 0 ? message : nullptr);
    Py_XDECREF(message);
    return throw_into(arguments, count);
}

// Called for a cancelled task: no message was taken, so none is lost.
PyObject* receive_throw(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    ReceiveOperation* operation = as_operation(self);
    if (operation->reading) return throw_into_reading(operation, arguments, count);
    MessageReceiver* receiver = operation->connection ? operation->connection->receiver : nullptr;
    if (receiver && receiver->waiting() == operation) receiver->stop();
    operation->outcome = ReceiveOutcome::taken;
    return throw_into(arguments, count);
}

PyObject* receive_close(PyObject* self, PyObject*) {
    ReceiveOperation* operation = as_operation(self);
    if (operation->reading) {
        PyObject* closed = PyObject_CallMethod(operation->reading, "close", nullptr);
        operation->outcome = ReceiveOutcome::taken;
        end_reading(operation, nullptr);
        return closed;
    }
    MessageReceiver* receiver = operation->connection ? operation->connection->receiver : nullptr;
    if (receiver && receiver->waiting() == operation) receiver->stop();
    operation->outcome = ReceiveOutcome::taken;
    Py_RETURN_NONE;
}

PyMethodDef receive_methods[] = {
    {"send", step_by_send<receive_am_send>, METH_O, nullptr},
    {"throw", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(receive_throw)), METH_FASTCALL, nullptr},
    {"close", receive_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot receive_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(receive_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(receive_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(receive_clear)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(step<receive_am_send>)},
    {Py_am_await, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_am_send, reinterpret_cast<void*>(guarded<receive_am_send>)},
    {Py_tp_methods, receive_methods},
    {0, nullptr},
};

PyType_Spec receive_spec = {"proapi._engine.ReceiveOperation", sizeof(ReceiveOperation), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, receive_slots};

}  // namespace

void keep_message(ReceiveOperation* operation, service::MessageView message) {
    operation->message = copy_message(message, operation->kind);
    operation->message_kind = message.kind;
    operation->outcome = operation->message ? ReceiveOutcome::message : ReceiveOutcome::no_memory;
    if (!operation->message) PyErr_Clear();
}

int traverse_spare_receive(ConnectionObject* connection, visitproc visit, void* arg) {
    if (connection->spare_receive) Py_VISIT(Py_TYPE(connection->spare_receive));
    return 0;
}

void free_spare_receive(ConnectionObject* connection) noexcept {
    if (ReceiveOperation* spare = std::exchange(connection->spare_receive, nullptr)) free_memory(spare);
}

PyObject* make_receive_operation(ConnectionObject* connection, ReceiveKind kind, EndOfMessages end,
                                 PyObject* json_type) {
    ReceiveOperation* self = connection->spare_receive;
    if (self) {
        connection->spare_receive = nullptr;
        _Py_NewReference(reinterpret_cast<PyObject*>(self));
    } else {
        self = PyObject_GC_New(ReceiveOperation, connection->state->receive_operation_type);
        if (!self) return nullptr;
    }
    Py_INCREF(connection);
    self->connection = connection;
    self->json_type = json_type && json_type != Py_None ? Py_NewRef(json_type) : nullptr;
    self->pending = self->reading = self->message = nullptr;
    self->message_kind = service::MessageKind::text;
    self->kind = kind;
    self->end = end;
    self->outcome = ReceiveOutcome::none;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

bool add_receive_operation_type(PyObject* module) {
    return (state_of_module(module).receive_operation_type = make_type(module, receive_spec)) != nullptr;
}

}  // namespace proapi::bindings
