#include "bindings/wait_operation.hpp"

#include <new>
#include <utility>

#include "bindings/awaitable_protocol.hpp"
#include "bindings/guard.hpp"
#include "bindings/pending_future.hpp"

namespace proapi::bindings {

namespace {

struct WaitOperation;

// Is in one of the engine's lists of waiters while a task waits.
class TaskWaiter final : public service::Waiter, public CancelListener {
public:
    explicit TaskWaiter(WaitOperation* wait) noexcept : wait_(wait) {}
    void on_ready() override;
    void on_cancel() noexcept override;

private:
    WaitOperation* wait_;
};

struct WaitOperation {
    PyObject_HEAD PyObject* subject;
    const WaitCondition* condition;
    PyObject* pending;
    bool finished;
    bool enlisted;  // in a list of waiters, which then holds a reference to this object
    alignas(TaskWaiter) unsigned char waiter_storage[sizeof(TaskWaiter)];

    [[nodiscard]] TaskWaiter& waiter() noexcept { return *std::launder(reinterpret_cast<TaskWaiter*>(waiter_storage)); }
};

WaitOperation* as_wait(PyObject* object) noexcept {
    return reinterpret_cast<WaitOperation*>(object);
}
PyObject* as_object(WaitOperation* wait) noexcept {
    return reinterpret_cast<PyObject*>(wait);
}

void TaskWaiter::on_ready() {
    WaitOperation* wait = wait_;
    wait->enlisted = false;
    wake(wait->pending);
    Py_DECREF(as_object(wait));
}

void TaskWaiter::on_cancel() noexcept {
    if (!std::exchange(wait_->enlisted, false)) return;
    cancel_wait();
    if (wait_->pending) forget_listener(wait_->pending);
    Py_DECREF(as_object(wait_));
}

PySendResult wait_am_send(PyObject* self, PyObject*, PyObject** out) {
    WaitOperation* wait = as_wait(self);
    *out = nullptr;
    if (!wait->subject) {  // cleared by the garbage collector
        PyErr_SetString(PyExc_RuntimeError, "this wait is over");
        return PYGEN_ERROR;
    }
    if (wait->finished) {
        PyErr_SetString(PyExc_RuntimeError, "this wait was awaited already");
        return PYGEN_ERROR;
    }
    if (wait->enlisted) {
        PyErr_SetString(PyExc_RuntimeError, "this wait is awaited by another task already");
        return PYGEN_ERROR;
    }
    if (!wait->pending && wait->condition->must_wait(wait->subject)) {
        wait->condition->enlist(wait->subject, wait->waiter());  // first, because it may throw
        wait->pending = make_pending_future(state_of_type(self), wait->waiter(), wait->condition->loop(wait->subject));
        if (!wait->pending) {
            wait->waiter().cancel_wait();
            return PYGEN_ERROR;
        }
        Py_INCREF(self);
        wait->enlisted = true;
        *out = Py_NewRef(wait->pending);
        return PYGEN_NEXT;
    }
    wait->finished = true;
    *out = wait->condition->outcome(wait->subject);
    return *out ? PYGEN_RETURN : PYGEN_ERROR;
}

PyObject* wait_throw(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    as_wait(self)->waiter().on_cancel();
    as_wait(self)->finished = true;
    return throw_into(arguments, count);
}

PyObject* wait_close(PyObject* self, PyObject*) {
    as_wait(self)->waiter().on_cancel();
    as_wait(self)->finished = true;
    Py_RETURN_NONE;
}

int wait_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(as_wait(self)->subject);
    Py_VISIT(as_wait(self)->pending);
    return 0;
}

int wait_clear(PyObject* self) {
    WaitOperation* wait = as_wait(self);
    if (wait->pending) forget_listener(wait->pending);
    Py_CLEAR(wait->pending);
    Py_CLEAR(wait->subject);
    return 0;
}

void wait_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    as_wait(self)->waiter().~TaskWaiter();
    wait_clear(self);
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyMethodDef wait_methods[] = {
    {"send", step_by_send<wait_am_send>, METH_O, nullptr},
    {"throw", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(wait_throw)), METH_FASTCALL, nullptr},
    {"close", wait_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot wait_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(wait_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(wait_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(wait_clear)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(step<wait_am_send>)},
    {Py_am_await, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_am_send, reinterpret_cast<void*>(guarded<wait_am_send>)},
    {Py_tp_methods, wait_methods},
    {0, nullptr},
};

PyType_Spec wait_spec = {"proapi._engine.WaitOperation", sizeof(WaitOperation), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, wait_slots};

}  // namespace

PyObject* make_wait(const ModuleState& state, PyObject* subject, const WaitCondition& condition) {
    auto* self = PyObject_GC_New(WaitOperation, state.wait_operation_type);
    if (!self) return nullptr;
    self->subject = Py_NewRef(subject);
    self->condition = &condition;
    self->pending = nullptr;
    self->finished = self->enlisted = false;
    new (self->waiter_storage) TaskWaiter(self);
    PyObject_GC_Track(self);
    return as_object(self);
}

bool add_wait_operation_type(PyObject* module) {
    return (state_of_module(module).wait_operation_type = make_type(module, wait_spec)) != nullptr;
}

}  // namespace proapi::bindings
