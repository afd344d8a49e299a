// receive_*(), and the iterators over messages: from a message of the engine to the object a handler gets.
#include <utility>

#include "bindings/awaitable.hpp"
#include "bindings/guard.hpp"
#include "bindings/registry.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

namespace {

// What a receive has come to, for the task to take. It becomes the object or the exception there: converting may run
// the application's own code, for which the engine's turn is no place.
enum class Outcome : std::uint8_t { none, message, no_memory, ended, taken };

struct Receive {
    PyObject_HEAD ConnectionObject* connection;
    PyObject* json_type;  // or null
    PyObject* pending;    // while a task waits
    PyObject* reading;    // the receive() of another server, while this steps it
    PyObject* message;    // str or bytes; JSON as bytes
    service::MessageKind message_kind;
    ReceiveKind kind;
    EndOfMessages end;
    Outcome outcome;
};

PyTypeObject* receive_type = nullptr;
PyTypeObject* iterator_type = nullptr;

Receive* as_receive(PyObject* object) noexcept {
    return reinterpret_cast<Receive*>(object);
}

}  // namespace

// Stands in the WebSocket while a task waits for a message; one a connection, as one task may receive at a time.
class MessageReceiver final : public service::Receiver, public CancelListener {
public:
    explicit MessageReceiver(service::WebSocket& websocket) noexcept : websocket_(websocket) {}

    void wait(Receive* receive) noexcept {
        waiting_ = reinterpret_cast<Receive*>(Py_NewRef(reinterpret_cast<PyObject*>(receive)));
        websocket_.wait_message(*this);
    }
    void on_message(service::MessageView message) override;
    void on_end() override;
    void on_cancel() noexcept override { stop(); }
    // Nobody waits any more.
    void stop() noexcept {
        websocket_.cancel_receive(*this);
        if (Receive* receive = std::exchange(waiting_, nullptr)) {
            if (receive->pending) forget_listener(receive->pending);
            Py_DECREF(receive);
        }
    }
    [[nodiscard]] Receive* waiting() const noexcept { return waiting_; }

private:
    void finish(Receive* receive);

    service::WebSocket& websocket_;
    Receive* waiting_ = nullptr;
};

namespace {

PyObject* text_of(base::Bytes payload) {
    const std::string_view text = base::as_text(payload);
    return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* bytes_of(base::Bytes payload) {
    return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(payload.data()),
                                     static_cast<Py_ssize_t>(payload.size()));
}

// Runs no Python code.
void keep_message(Receive* receive, service::MessageView message) {
    const bool as_text = message.kind == service::MessageKind::text && receive->kind != ReceiveKind::json;
    receive->message = as_text ? text_of(message.payload) : bytes_of(message.payload);
    receive->message_kind = message.kind;
    receive->outcome = receive->message ? Outcome::message : Outcome::no_memory;
    if (!receive->message) PyErr_Clear();
}

// WebSocketMessageError(text, data, close_code): the message is lost to nobody, it is the error's `data`.
PyObject* raise_message_error(const char* text, PyObject* data, int close_code) {
    PyObject* error = data ? PyObject_CallFunction(registry().message_error, "sOi", text, data, close_code) : nullptr;
    if (error) PyErr_SetObject(registry().message_error, error);
    Py_XDECREF(error);
    return nullptr;
}

PyObject* json_object(PyObject* octets, service::MessageKind kind, PyObject* json_type) {
    PyObject* object =
        PyObject_CallFunctionObjArgs(registry().decode_json, octets, json_type ? json_type : Py_None, nullptr);
    if (object || !PyErr_ExceptionMatches(PyExc_ValueError)) return object;
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* text = value ? PyObject_Str(value) : nullptr;
    const char* reason = text ? PyUnicode_AsUTF8(text) : nullptr;
    const std::string line = std::string("receive_json: ") + (reason ? reason : "expected JSON, got another message");
    PyErr_Clear();
    PyObject* data = kind == service::MessageKind::text
                         ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), nullptr)
                         : Py_NewRef(octets);
    raise_message_error(line.c_str(), data, ws::close_code::invalid_payload);
    Py_XDECREF(data);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return nullptr;
}

// Steals `message`.
PyObject* convert(const Receive* receive, PyObject* message) {
    const bool is_text = receive->message_kind == service::MessageKind::text;
    PyObject* object = nullptr;
    if (receive->kind == ReceiveKind::json) {
        object = json_object(message, receive->message_kind, receive->json_type);
    } else if (receive->kind == ReceiveKind::text && !is_text) {
        raise_message_error("receive_text: expected a text message, got a binary one", message,
                            ws::close_code::unsupported_data);
    } else if (receive->kind == ReceiveKind::bytes && is_text) {
        raise_message_error("receive_bytes: expected a binary message, got a text one", message,
                            ws::close_code::unsupported_data);
    } else {
        return message;
    }
    Py_DECREF(message);
    return object;
}

// Normal: the peer, or this side, meant it to end here.
bool is_normal_end(const service::WebSocket& websocket) noexcept {
    const int code = websocket.close_code().value_or(ws::close_code::abnormal_closure);
    return code == ws::close_code::normal || code == ws::close_code::going_away ||
           code == ws::close_code::no_status_received;
}

PyObject* raise_end(const Receive* receive, const service::Problem& problem) {
    const service::WebSocket& websocket = *receive->connection->websocket;
    if (problem.kind == service::Problem::Kind::disconnect && !forget_disconnect_of_own(receive->connection))
        return nullptr;
    if (receive->end == EndOfMessages::stops && problem.kind == service::Problem::Kind::disconnect &&
        is_normal_end(websocket)) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return nullptr;
    }
    return raise_problem(problem, &websocket);
}

}  // namespace

// Steps the task.
void MessageReceiver::finish(Receive* receive) {
    wake(receive->pending);
    Py_DECREF(receive);
}

void MessageReceiver::on_message(service::MessageView message) {
    Receive* receive = std::exchange(waiting_, nullptr);
    keep_message(receive, message);
    finish(receive);
}

void MessageReceiver::on_end() {
    Receive* receive = std::exchange(waiting_, nullptr);
    receive->outcome = Outcome::ended;
    finish(receive);
}

namespace {

// What was read is in the connection's queue then, or its end will be told.
MessageSource& forget_reading(Receive* receive) {
    Py_CLEAR(receive->reading);
    return *receive->connection->source;
}

// NEXT: it waits for what is in `out`. RETURN: it has ended.
PySendResult step_reading(Receive* receive, PyObject** out) {
    const PySendResult result = PyIter_Send(receive->reading, Py_None, out);
    if (result == PYGEN_NEXT) return result;
    MessageSource& source = forget_reading(receive);
    if (result == PYGEN_RETURN) {
        PyObject* message = std::exchange(*out, nullptr);
        source.end_reading(message);
        Py_DECREF(message);
    } else if (PyErr_ExceptionMatches(PyExc_Exception)) {
        source.fail_reading();
    } else {
        receive->outcome = Outcome::taken;
        source.end_reading(nullptr);
        return PYGEN_ERROR;
    }
    return PYGEN_RETURN;
}

void receive_clear_fields(Receive* receive) {
    if (receive->reading) forget_reading(receive).end_reading(nullptr);
    if (receive->connection && receive->connection->receiver && receive->connection->receiver->waiting() == receive)
        receive->connection->receiver->stop();
    Py_CLEAR(receive->json_type);
    Py_CLEAR(receive->pending);
    Py_CLEAR(receive->message);
    Py_CLEAR(receive->connection);
}

int receive_traverse(PyObject* self, visitproc visit, void* arg) {
    Receive* receive = as_receive(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(receive->connection);
    Py_VISIT(receive->json_type);
    Py_VISIT(receive->pending);
    Py_VISIT(receive->reading);
    Py_VISIT(receive->message);
    return 0;
}

int receive_clear(PyObject* self) {
    receive_clear_fields(as_receive(self));
    return 0;
}

// Receives come and go with every message that has to be waited for: a few are kept for the next.
constexpr std::size_t max_spare = 64;
PyObject* spare[max_spare];
std::size_t spare_count = 0;

// As Python says it of coroutines.
constexpr const char* call_names[] = {"receive()", "receive_text()", "receive_bytes()", "receive_json()"};  // by kind
void warn_never_awaited(ReceiveKind kind, EndOfMessages end) {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    const char* name = end == EndOfMessages::stops ? "anext() of messages" : call_names[static_cast<int>(kind)];
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "%s was never awaited", name) != 0) PyErr_WriteUnraisable(nullptr);
    PyErr_Restore(type, value, traceback);
}

void receive_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    const Receive* receive = as_receive(self);
    if (receive->outcome == Outcome::none && !receive->pending && !receive->reading && receive->connection) [[unlikely]]
        warn_never_awaited(receive->kind, receive->end);
    receive_clear_fields(as_receive(self));
    if (spare_count < max_spare) {
        spare[spare_count++] = self;
        return;
    }
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

// The outcome, taken once; null with the exception set.
PyObject* take_outcome(Receive* receive) {
    switch (std::exchange(receive->outcome, Outcome::taken)) {
        case Outcome::message:
            return convert(receive, std::exchange(receive->message, nullptr));
        case Outcome::no_memory:
            return PyErr_NoMemory();
        case Outcome::ended:
            return raise_end(receive, receive->connection->websocket->disconnect_problem());
        case Outcome::none:
        case Outcome::taken:
            break;
    }
    PyErr_SetString(PyExc_RuntimeError, "this receive was awaited already");
    return nullptr;
}

PySendResult receive_am_send(PyObject* self, PyObject*, PyObject** out) {
    Receive* receive = as_receive(self);
    *out = nullptr;
    if (!receive->connection) receive->outcome = Outcome::taken;  // the collector has taken it apart
    if (receive->outcome == Outcome::none) {
        if (receive->pending) {
            PyErr_SetString(PyExc_RuntimeError, "this receive is awaited by another task already");
            return PYGEN_ERROR;
        }
        ConnectionObject* connection = receive->connection;
        service::WebSocket& websocket = *connection->websocket;
        std::optional<service::Message> message;
        service::Problem problem;
        if (!receive->reading) {
            problem = websocket.try_receive(message);
            if (!problem && !message && connection->source) {
                receive->outcome = Outcome::taken;  // if it throws
                receive->reading = connection->source->begin_reading();
                receive->outcome = Outcome::none;
            }
        }
        if (receive->reading) {
            if (const PySendResult result = step_reading(receive, out); result != PYGEN_RETURN) return result;
            problem = websocket.try_receive(message);
        }
        if (problem) {
            receive->outcome = Outcome::taken;
            raise_end(receive, problem);
            return PYGEN_ERROR;
        }
        if (!message) {
            if (!connection->receiver) connection->receiver = new MessageReceiver(websocket);
            receive->pending = make_pending(*connection->receiver, connection->loop);
            if (!receive->pending) return PYGEN_ERROR;
            connection->receiver->wait(receive);
            *out = Py_NewRef(receive->pending);
            return PYGEN_NEXT;
        }
        keep_message(receive, message->view());
    }
    *out = take_outcome(receive);
    return *out ? PYGEN_RETURN : PYGEN_ERROR;
}

PyObject* receive_next(PyObject* self) {
    PyObject* out = nullptr;
    switch (guarded<receive_am_send>(self, Py_None, &out)) {
        case PYGEN_NEXT:
            return out;
        case PYGEN_RETURN:
            return stop_iteration(out);
        case PYGEN_ERROR:
            return nullptr;
    }
    return nullptr;
}

PyObject* receive_send(PyObject* self, PyObject*) {
    return end_of_send(receive_next(self));
}

// Into another server's receive(). A message that it returns all the same waits for the next receive.
PyObject* throw_into_reading(Receive* receive, PyObject* const* arguments, Py_ssize_t count) {
    PyObject* method = PyObject_GetAttrString(receive->reading, "throw");
    PyObject* yielded =
        method ? PyObject_Vectorcall(method, arguments, static_cast<std::size_t>(count), nullptr) : nullptr;
    Py_XDECREF(method);
    if (yielded) return yielded;
    receive->outcome = Outcome::taken;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
        PyErr_Fetch(&type, &value, &traceback);
        forget_reading(receive).end_reading(nullptr);
        PyErr_Restore(type, value, traceback);
        return nullptr;
    }
    PyObject* message = nullptr;
    const int has_message = _PyGen_FetchStopIterationValue(&message);
    forget_reading(receive).end_reading(has_message == 0 ? message : nullptr);
    Py_XDECREF(message);
    return throw_into(arguments, count);
}

// A cancelled task throws here: nothing was taken, so nothing is lost.
PyObject* receive_throw(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    Receive* receive = as_receive(self);
    if (receive->reading) return throw_into_reading(receive, arguments, count);
    MessageReceiver* receiver = receive->connection ? receive->connection->receiver : nullptr;
    if (receiver && receiver->waiting() == receive) receiver->stop();
    receive->outcome = Outcome::taken;
    return throw_into(arguments, count);
}

PyObject* receive_close(PyObject* self, PyObject*) {
    Receive* receive = as_receive(self);
    if (receive->reading) {
        PyObject* closed = PyObject_CallMethod(receive->reading, "close", nullptr);
        receive->outcome = Outcome::taken;
        forget_reading(receive).end_reading(nullptr);
        return closed;
    }
    MessageReceiver* receiver = receive->connection ? receive->connection->receiver : nullptr;
    if (receiver && receiver->waiting() == receive) receiver->stop();
    receive->outcome = Outcome::taken;
    Py_RETURN_NONE;
}

PyMethodDef receive_methods[] = {
    {"send", receive_send, METH_O, nullptr},
    {"throw", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(receive_throw)), METH_FASTCALL, nullptr},
    {"close", receive_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot receive_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(receive_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(receive_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(receive_clear)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(receive_next)},
    {Py_am_await, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_am_send, reinterpret_cast<void*>(guarded<receive_am_send>)},
    {Py_tp_methods, receive_methods},
    {0, nullptr},
};

PyType_Spec receive_spec = {"proapi._engine.Receive", sizeof(Receive), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, receive_slots};

// ---- async for --------------------------------------------------------------------------------------------------

struct MessageIterator {
    PyObject_HEAD ConnectionObject* connection;
    PyObject* json_type;
    ReceiveKind kind;
};

int iterator_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reinterpret_cast<MessageIterator*>(self)->connection);
    Py_VISIT(reinterpret_cast<MessageIterator*>(self)->json_type);
    return 0;
}

int iterator_clear(PyObject* self) {
    Py_CLEAR(reinterpret_cast<MessageIterator*>(self)->connection);
    Py_CLEAR(reinterpret_cast<MessageIterator*>(self)->json_type);
    return 0;
}

void iterator_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    iterator_clear(self);
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyObject* iterator_anext(PyObject* self) {
    auto* iterator = reinterpret_cast<MessageIterator*>(self);
    if (!iterator->connection) {  // the collector has taken it apart
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return nullptr;
    }
    return make_receive(iterator->connection, iterator->kind, EndOfMessages::stops, iterator->json_type);
}

PyType_Slot iterator_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(iterator_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(iterator_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(iterator_clear)},
    {Py_am_aiter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_am_anext, reinterpret_cast<void*>(iterator_anext)},
    {0, nullptr},
};

PyType_Spec iterator_spec = {"proapi._engine.MessageIterator", sizeof(MessageIterator), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             iterator_slots};

}  // namespace

PyObject* make_receive(ConnectionObject* connection, ReceiveKind kind, EndOfMessages end, PyObject* json_type) {
    Receive* self = nullptr;
    if (spare_count > 0) {
        self = as_receive(spare[--spare_count]);
        _Py_NewReference(reinterpret_cast<PyObject*>(self));
    } else {
        self = PyObject_GC_New(Receive, receive_type);
    }
    if (!self) return nullptr;
    self->connection = reinterpret_cast<ConnectionObject*>(Py_NewRef(reinterpret_cast<PyObject*>(connection)));
    self->json_type = json_type && json_type != Py_None ? Py_NewRef(json_type) : nullptr;
    self->pending = self->reading = self->message = nullptr;
    self->message_kind = service::MessageKind::text;
    self->kind = kind;
    self->end = end;
    self->outcome = Outcome::none;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

PyObject* make_message_iterator(ConnectionObject* connection, ReceiveKind kind, PyObject* json_type) {
    auto* self = PyObject_GC_New(MessageIterator, iterator_type);
    if (!self) return nullptr;
    self->connection = reinterpret_cast<ConnectionObject*>(Py_NewRef(reinterpret_cast<PyObject*>(connection)));
    self->json_type = json_type && json_type != Py_None ? Py_NewRef(json_type) : nullptr;
    self->kind = kind;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

void drop_receiver(ConnectionObject* connection) noexcept {
    if (MessageReceiver* receiver = std::exchange(connection->receiver, nullptr)) {
        receiver->stop();
        delete receiver;
    }
}

int traverse_receiver(ConnectionObject* connection, visitproc visit, void* arg) {
    if (connection->receiver) Py_VISIT(reinterpret_cast<PyObject*>(connection->receiver->waiting()));
    return 0;
}

bool add_receive_types(PyObject* module) {
    receive_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &receive_spec, nullptr));
    iterator_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &iterator_spec, nullptr));
    return receive_type && iterator_type;
}

}  // namespace proapi::bindings
