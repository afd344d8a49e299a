#include "bindings/pending_future.hpp"

#include <structmember.h>

#include <cstddef>
#include <utility>

#include "bindings/python_errors.hpp"

namespace proapi::bindings {

namespace {

struct PendingFuture {
    PyObject_HEAD vectorcallfunc call;
    const ModuleState* state;
    CancelListener* listener;  // null after wake(), cancel() or forget_listener()
    PyObject* loop;
    PyObject* callback;  // the task's wake-up
    PyObject* context;
    PyObject* cancel_message;
    bool blocking, cancelled, done;
};

PendingFuture* as_pending(PyObject* object) noexcept {
    return reinterpret_cast<PendingFuture*>(object);
}

int pending_traverse(PyObject* self, visitproc visit, void* arg) {
    PendingFuture* pending = as_pending(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(pending->loop);
    Py_VISIT(pending->callback);
    Py_VISIT(pending->context);
    Py_VISIT(pending->cancel_message);
    return 0;
}

int pending_clear(PyObject* self) {
    PendingFuture* pending = as_pending(self);
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

// A task looks up three names at every wait. They are interned, so their addresses identify them. The task calls two of
// the results at once, so no bound method is created: the PendingFuture itself is callable, without an argument as
// get_loop() and with one as add_done_callback().
PyObject* pending_getattro(PyObject* self, PyObject* name) {
    const ModuleState& state = *as_pending(self)->state;
    if (name == state.blocking_name) return PyBool_FromLong(as_pending(self)->blocking);
    if (name == state.get_loop_name || name == state.add_callback_name) return Py_NewRef(self);
    return PyObject_GenericGetAttr(self, name);
}

int pending_setattro(PyObject* self, PyObject* name, PyObject* value) {
    if (name != as_pending(self)->state->blocking_name) return PyObject_GenericSetAttr(self, name, value);
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

// The operation returns the outcome itself when the task steps it again; this only raises a cancellation.
PyObject* pending_result(PyObject* self, PyObject*) {
    PendingFuture* pending = as_pending(self);
    if (!pending->cancelled) Py_RETURN_NONE;
    if (pending->cancel_message && pending->cancel_message != Py_None) {
        PyErr_SetObject(pending->state->cancelled_error, pending->cancel_message);
    } else {
        PyErr_SetNone(pending->state->cancelled_error);
    }
    return nullptr;
}

// get_loop(), and add_done_callback(callback, context=None).
PyObject* pending_call(PyObject* self, PyObject* const* arguments, std::size_t flagged_count, PyObject* keywords) {
    PendingFuture* pending = as_pending(self);
    const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    if (count == 0 && named == 0) {
        PyObject* loop = pending->loop;  // null after the garbage collector has cleared it
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
    PendingFuture* pending = as_pending(self);
    const int same = pending->callback ? PyObject_RichCompareBool(pending->callback, callback, Py_EQ) : 0;
    if (same < 0) return nullptr;
    if (same) Py_CLEAR(pending->callback);
    return PyLong_FromLong(same);
}

// As with asyncio's futures, the task learns of it in the loop's next turn, since the canceller is running now.
PyObject* pending_cancel(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    PendingFuture* pending = as_pending(self);
    if (pending->done) Py_RETURN_FALSE;
    pending->done = pending->cancelled = true;
    if (count > 0 || (keywords && PyTuple_GET_SIZE(keywords) > 0))  // cancel(msg), cancel(msg=msg)
        Py_XSETREF(pending->cancel_message, Py_NewRef(arguments[0]));
    if (CancelListener* listener = std::exchange(pending->listener, nullptr)) listener->on_cancel();
    if (pending->callback) {
        PyObject* callback = std::exchange(pending->callback, nullptr);
        PyObject* const call[] = {pending->loop, callback, self, pending->context};
        PyObject* handle =
            PyObject_VectorcallMethod(pending->state->call_soon_name, call, 3, pending->state->context_keyword);
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
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PendingFuture, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// asyncio.isfuture() looks for this attribute in the type.
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
    "proapi._engine.PendingFuture", sizeof(PendingFuture), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    pending_slots};

}  // namespace

PyObject* make_pending_future(const ModuleState& state, CancelListener& listener, PyObject* loop) {
    auto* self = PyObject_GC_New(PendingFuture, state.pending_future_type);
    if (!self) return nullptr;
    self->call = pending_call;
    self->state = &state;
    self->listener = &listener;
    self->loop = loop ? Py_NewRef(loop) : PyObject_CallNoArgs(state.get_running_loop);
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
    PendingFuture* pending = as_pending(object);
    if (pending->done) return;
    pending->done = true;
    pending->listener = nullptr;
    PyObject* callback = std::exchange(pending->callback, nullptr);
    if (!callback) return;
    PyObject* context = std::exchange(pending->context, nullptr);
    if (PyContext_Enter(context) == 0) {
        // The task asks the future for its result, and has a fast path for asyncio's own futures.
        PyObject* result = PyObject_CallOneArg(callback, pending->state->done_future);
        if (!result) keep_exception(callback);
        Py_XDECREF(result);
        if (PyContext_Exit(context) != 0) keep_exception(callback);
    } else {
        keep_exception(callback);
    }
    Py_DECREF(context);
    Py_DECREF(callback);
}

bool add_pending_future_type(PyObject* module) {
    ModuleState& state = state_of_module(module);
    state.pending_future_type = make_type(module, pending_spec);
    state.call_soon_name = PyUnicode_InternFromString("call_soon");
    state.blocking_name = PyUnicode_InternFromString("_asyncio_future_blocking");
    state.get_loop_name = PyUnicode_InternFromString("get_loop");
    state.add_callback_name = PyUnicode_InternFromString("add_done_callback");
    state.context_keyword = Py_BuildValue("(s)", "context");
    return state.pending_future_type && state.call_soon_name && state.blocking_name && state.get_loop_name &&
           state.add_callback_name && state.context_keyword;
}

}  // namespace proapi::bindings
