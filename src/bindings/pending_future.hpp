// The future that a task waits on while an operation of the engine is not complete.
//
// A task that awaits such an operation gets a PendingFuture from it. It speaks the protocol of asyncio's futures
// (`_asyncio_future_blocking`, add_done_callback, cancel, result), so the task registers its wake-up there. wake()
// runs that wake-up at once, under the task's own context, instead of asking the loop for another turn: the message
// that came in is in the handler before the engine reads the next one. So wake() must only be called where no task
// runs: from the engine's turn.
//
// It holds no result: the task asks the operation again, which returns or raises it.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"

namespace proapi::bindings {

// Creates the type; false with an exception set.
[[nodiscard]] bool add_pending_future_type(PyObject* module);

// Called when the waiting task is cancelled: the operation must forget that anybody waits.
class CancelListener {
public:
    virtual void on_cancel() noexcept = 0;

protected:
    ~CancelListener() = default;
};

// `loop` null: the running one. A new reference, or null with an exception set.
[[nodiscard]] PyObject* make_pending_future(const ModuleState& state, CancelListener& listener, PyObject* loop);
// The listener is gone: a later cancel() calls nobody.
void forget_listener(PyObject* pending) noexcept;
// Steps the waiting task. Exceptions that leave the task end up in keep_exception().
void wake(PyObject* pending);

}  // namespace proapi::bindings
