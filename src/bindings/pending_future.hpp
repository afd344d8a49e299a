// The future that a task waits on while an operation of the engine is not complete.
//
// A task that awaits such an operation gets a PendingFuture from it. The PendingFuture implements the protocol of
// asyncio's futures (`_asyncio_future_blocking`, add_done_callback, cancel, result), so the task registers its wake-up
// there. wake() runs that wake-up at once, in the task's own context, instead of in another turn of the loop: the
// handler has a message before the engine reads the next one. So wake() must only be called while no task runs, from
// the engine's turn.
//
// A PendingFuture holds no result: the task steps the operation again, which returns or raises it.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"

namespace proapi::bindings {

// Creates the type; false with an exception set.
[[nodiscard]] bool add_pending_future_type(PyObject* module);

// Called when the waiting task is cancelled. The operation must then forget the task.
class CancelListener {
public:
    virtual void on_cancel() noexcept = 0;

protected:
    ~CancelListener() = default;
};

// `loop` null: the running loop. Returns a new reference, or null with an exception set.
[[nodiscard]] PyObject* make_pending_future(const ModuleState& state, CancelListener& listener, PyObject* loop);
// Removes the listener, which will be destroyed: a later cancel() calls none.
void forget_listener(PyObject* pending) noexcept;
// Steps the waiting task. Exceptions that leave the task go to keep_exception().
void wake(PyObject* pending);

}  // namespace proapi::bindings
