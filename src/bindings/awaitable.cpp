#include "bindings/awaitable.hpp"

#include <structmember.h>

#include <cstddef>
#include <utility>

#include "bindings/registry.hpp"

namespace proapi::bindings {

// ---- an operation that is complete ------------------------------------------------------------------------------

namespace {

struct Completed {
    PyObject_HEAD PyObject* value;
    bool next_turn;  // what awaits it still has to let the loop turn
};

PyTypeObject* completed_type = nullptr;
PyObject *shared_true = nullptr, *shared_false = nullptr, *shared_none = nullptr;

void completed_dealloc(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    Py_XDECREF(reinterpret_cast<Completed*>(self)->value);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* new_reference_to_self(PyObject* self) {
    return Py_NewRef(self);
}

PySendResult completed_am_send(PyObject* self, PyObject*, PyObject** result) {
    auto* completed = reinterpret_cast<Completed*>(self);
    if (completed->next_turn) [[unlikely]] {
        completed->next_turn = false;
        *result = Py_NewRef(Py_None);  // as asyncio.sleep(0): the task asks the loop to be called again
        return PYGEN_NEXT;
    }
    *result = Py_NewRef(completed->value);
    return PYGEN_RETURN;
}

PyObject* completed_next(PyObject* self) {
    PyObject* result = nullptr;
    return completed_am_send(self, nullptr, &result) == PYGEN_NEXT ? result : stop_iteration(result);
}
PyObject* completed_send(PyObject* self, PyObject*) {
    return end_of_send(completed_next(self));
}
PyObject* completed_throw(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return throw_into(arguments, count);
}
PyObject* completed_close(PyObject*, PyObject*) {
    Py_RETURN_NONE;
}

PyMethodDef completed_methods[] = {
    {"send", completed_send, METH_O, nullptr},
    {"throw", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(completed_throw)), METH_FASTCALL, nullptr},
    {"close", completed_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot completed_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(completed_dealloc)},
    {Py_tp_iter, reinterpret_cast<void*>(new_reference_to_self)},
    {Py_tp_iternext, reinterpret_cast<void*>(completed_next)},
    {Py_am_await, reinterpret_cast<void*>(new_reference_to_self)},
    {Py_am_send, reinterpret_cast<void*>(completed_am_send)},
    {Py_tp_methods, completed_methods},
    {0, nullptr},
};

PyType_Spec completed_spec = {"proapi._engine.Completed", sizeof(Completed), 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, completed_slots};

}  // namespace

PyObject* make_completed(PyObject* value) {
    auto* self = PyObject_New(Completed, completed_type);
    if (!self) return nullptr;
    self->value = Py_NewRef(value);
    self->next_turn = false;
    return reinterpret_cast<PyObject*>(self);
}
PyObject* make_completed_next_turn(PyObject* value) {
    PyObject* self = make_completed(value);
    if (self) reinterpret_cast<Completed*>(self)->next_turn = true;
    return self;
}

PyObject* completed_true() noexcept {
    return Py_NewRef(shared_true);
}
PyObject* completed_false() noexcept {
    return Py_NewRef(shared_false);
}
PyObject* completed_none() noexcept {
    return Py_NewRef(shared_none);
}

PyObject* stop_iteration(PyObject* value) {
    if (value == Py_None) {  // no exception at all is the short form of it
        Py_DECREF(value);
        return nullptr;
    }
    // A tuple or an exception would be taken apart if it were set as the value itself.
    PyObject* stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (stop) PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    return nullptr;
}

PyObject* end_of_send(PyObject* given) {
    if (!given && !PyErr_Occurred()) PyErr_SetNone(PyExc_StopIteration);
    return given;
}

PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count) {
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw expected 1 to 3 arguments");
        return nullptr;
    }
    PyObject* type = arguments[0];
    PyObject* value = count > 1 && arguments[1] != Py_None ? arguments[1] : nullptr;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(type)), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value);
    } else {
        PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException");
    }
    return nullptr;
}

// ---- the future that a task waits on ----------------------------------------------------------------------------

struct Pending {
    PyObject_HEAD vectorcallfunc call;
    CancelListener* listener;  // null once it is woken, cancelled or forgotten
    PyObject* loop;
    PyObject* callback;  // the task's wake-up
    PyObject* context;
    PyObject* cancel_message;
    bool blocking, cancelled, done;
};

namespace {

PyTypeObject* pending_type = nullptr;
PyObject *call_soon_name = nullptr, *blocking_name = nullptr, *get_loop_name = nullptr, *add_callback_name = nullptr;
PyObject* context_keyword = nullptr;  // ("context",)

Pending* as_pending(PyObject* object) noexcept {
    return reinterpret_cast<Pending*>(object);
}

int pending_traverse(PyObject* self, visitproc visit, void* arg) {
    Pending* pending = as_pending(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(pending->loop);
    Py_VISIT(pending->callback);
    Py_VISIT(pending->context);
    Py_VISIT(pending->cancel_message);
    return 0;
}

int pending_clear(PyObject* self) {
    Pending* pending = as_pending(self);
    Py_CLEAR(pending->loop);
    Py_CLEAR(pending->callback);
    Py_CLEAR(pending->context);
    Py_CLEAR(pending->cancel_message);
    return 0;
}

void pending_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    pending_clear(self);
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

// A task looks up three names at every wait. They are interned, so that they are told by their addresses; and what it
// calls at once need not be an object of its own: the Pending is its own bound method, of no argument and of one.
PyObject* pending_getattro(PyObject* self, PyObject* name) {
    if (name == blocking_name) return PyBool_FromLong(as_pending(self)->blocking);
    if (name == get_loop_name || name == add_callback_name) return Py_NewRef(self);
    return PyObject_GenericGetAttr(self, name);
}

int pending_setattro(PyObject* self, PyObject* name, PyObject* value) {
    if (name != blocking_name) return PyObject_GenericSetAttr(self, name, value);
    as_pending(self)->blocking = value == Py_True;
    return 0;
}

PyObject* pending_get_blocking(PyObject* self, void*) {
    return PyBool_FromLong(as_pending(self)->blocking);
}
PyObject* pending_done(PyObject* self, PyObject*) {
    return PyBool_FromLong(as_pending(self)->done);
}
PyObject* pending_cancelled(PyObject* self, PyObject*) {
    return PyBool_FromLong(as_pending(self)->cancelled);
}

// The outcome itself is the operation's to give, when the task asks it again; here only a cancellation shows.
PyObject* pending_result(PyObject* self, PyObject*) {
    Pending* pending = as_pending(self);
    if (!pending->cancelled) Py_RETURN_NONE;
    if (pending->cancel_message && pending->cancel_message != Py_None) {
        PyErr_SetObject(registry().cancelled_error, pending->cancel_message);
    } else {
        PyErr_SetNone(registry().cancelled_error);
    }
    return nullptr;
}

// get_loop(), and add_done_callback(callback, context=None).
PyObject* pending_call(PyObject* self, PyObject* const* arguments, std::size_t flagged_count, PyObject* keywords) {
    Pending* pending = as_pending(self);
    const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    if (count == 0 && named == 0) {
        PyObject* loop = pending->loop;  // null once the collector has taken it
        return Py_NewRef(loop ? loop : Py_None);
    }
    if (count != 1 || named > 1 || pending->callback) {
        PyErr_SetString(PyExc_TypeError, "add_done_callback: expected one callback, from the task that awaits");
        return nullptr;
    }
    PyObject* context = named == 1 ? Py_NewRef(arguments[1]) : PyContext_CopyCurrent();
    if (!context) return nullptr;
    pending->context = context;
    pending->callback = Py_NewRef(arguments[0]);
    Py_RETURN_NONE;
}

PyObject* pending_remove_done_callback(PyObject* self, PyObject* callback) {
    Pending* pending = as_pending(self);
    const int same = pending->callback ? PyObject_RichCompareBool(pending->callback, callback, Py_EQ) : 0;
    if (same < 0) return nullptr;
    if (same) Py_CLEAR(pending->callback);
    return PyLong_FromLong(same);
}

// As asyncio's: the task learns of it in the loop's next turn, since whoever cancels is running now.
PyObject* pending_cancel(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    Pending* pending = as_pending(self);
    if (pending->done) Py_RETURN_FALSE;
    pending->done = pending->cancelled = true;
    if (count > 0 || (keywords && PyTuple_GET_SIZE(keywords) > 0))  // cancel(msg), cancel(msg=msg)
        Py_XSETREF(pending->cancel_message, Py_NewRef(arguments[0]));
    if (CancelListener* listener = std::exchange(pending->listener, nullptr)) listener->on_cancel();
    if (pending->callback) {
        PyObject* callback = std::exchange(pending->callback, nullptr);
        PyObject* const call[] = {pending->loop, callback, self, pending->context};
        PyObject* handle = PyObject_VectorcallMethod(call_soon_name, call, 3, context_keyword);
        Py_DECREF(callback);
        if (!handle) return nullptr;
        Py_DECREF(handle);
    }
    Py_RETURN_TRUE;
}

template <class Function>
PyCFunction as_unguarded_method(Function* function) noexcept {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef pending_methods[] = {
    {"done", pending_done, METH_NOARGS, nullptr},
    {"cancelled", pending_cancelled, METH_NOARGS, nullptr},
    {"result", pending_result, METH_NOARGS, nullptr},
    {"remove_done_callback", pending_remove_done_callback, METH_O, nullptr},
    {"cancel", as_unguarded_method(pending_cancel), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef pending_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Pending, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// asyncio.isfuture() looks for it in the type.
PyGetSetDef pending_getset[] = {
    {"_asyncio_future_blocking", pending_get_blocking, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot pending_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(pending_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(pending_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(pending_clear)},
    {Py_tp_getattro, reinterpret_cast<void*>(pending_getattro)},
    {Py_tp_setattro, reinterpret_cast<void*>(pending_setattro)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_methods, pending_methods},
    {Py_tp_members, pending_members},
    {Py_tp_getset, pending_getset},
    {0, nullptr},
};

PyType_Spec pending_spec = {
    "proapi._engine.Pending", sizeof(Pending), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    pending_slots};

}  // namespace

PyObject* make_pending(CancelListener& listener, PyObject* loop) {
    auto* self = PyObject_GC_New(Pending, pending_type);
    if (!self) return nullptr;
    self->call = pending_call;
    self->listener = &listener;
    self->loop = loop ? Py_NewRef(loop) : PyObject_CallNoArgs(registry().get_running_loop);
    self->callback = self->context = self->cancel_message = nullptr;
    self->blocking = true;
    self->cancelled = self->done = false;
    PyObject_GC_Track(self);
    if (!self->loop) Py_CLEAR(self);
    return reinterpret_cast<PyObject*>(self);
}

void forget_listener(PyObject* pending) noexcept {
    as_pending(pending)->listener = nullptr;
}

void wake(PyObject* object) {
    Pending* pending = as_pending(object);
    if (pending->done) return;
    pending->done = true;
    pending->listener = nullptr;
    PyObject* callback = std::exchange(pending->callback, nullptr);
    if (!callback) return;
    PyObject* context = std::exchange(pending->context, nullptr);
    if (PyContext_Enter(context) == 0) {
        // A task asks the future it is given for its result, and has a short way for asyncio's own.
        PyObject* result = PyObject_CallOneArg(callback, registry().done_future);
        if (!result) keep_exception(callback);
        Py_XDECREF(result);
        if (PyContext_Exit(context) != 0) keep_exception(callback);
    } else {
        keep_exception(callback);
    }
    Py_DECREF(context);
    Py_DECREF(callback);
}

bool add_awaitable_types(PyObject* module) {
    completed_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &completed_spec, nullptr));
    pending_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &pending_spec, nullptr));
    call_soon_name = PyUnicode_InternFromString("call_soon");
    blocking_name = PyUnicode_InternFromString("_asyncio_future_blocking");
    get_loop_name = PyUnicode_InternFromString("get_loop");
    add_callback_name = PyUnicode_InternFromString("add_done_callback");
    context_keyword = Py_BuildValue("(s)", "context");
    if (!completed_type || !pending_type || !call_soon_name || !blocking_name || !get_loop_name || !add_callback_name ||
        !context_keyword)
        return false;
    shared_true = make_completed(Py_True);
    shared_false = make_completed(Py_False);
    shared_none = make_completed(Py_None);
    return shared_true && shared_false && shared_none;
}

}  // namespace proapi::bindings
