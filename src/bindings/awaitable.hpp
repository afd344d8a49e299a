// What `await` of an engine's operation needs, on CPython's slots: an operation that is complete already, and the
// future that a task waits on when it is not.
//
// A task that awaits an operation gets a Pending from it. It speaks the protocol of asyncio's futures
// (`_asyncio_future_blocking`, add_done_callback, cancel, result), so the task registers its wake-up there. wake()
// runs that wake-up at once, under the task's own context, instead of asking the loop for another turn: the message
// that came in is in the handler before the engine reads the next one. So wake() must only be called where no task
// runs: from the engine's turn.
#pragma once

#include <Python.h>

namespace proapi::bindings {

// Adds the types to `module`; false with an exception set.
[[nodiscard]] bool add_awaitable_types(PyObject* module);

// An awaitable that gives `value` (a new reference is kept) without suspending.
[[nodiscard]] PyObject* make_completed(PyObject* value);
// The same, but whoever awaits it goes on in the loop's next turn.
[[nodiscard]] PyObject* make_completed_next_turn(PyObject* value);
[[nodiscard]] PyObject* completed_true() noexcept;  // shared; a new reference
[[nodiscard]] PyObject* completed_false() noexcept;
[[nodiscard]] PyObject* completed_none() noexcept;

// Told when the waiting task is cancelled: the operation must forget that anybody waits.
class CancelListener {
public:
    virtual void on_cancel() noexcept = 0;

protected:
    ~CancelListener() = default;
};

struct Pending;
// `loop` null: the running one. A new reference, or null with an exception set.
[[nodiscard]] PyObject* make_pending(CancelListener& listener, PyObject* loop);
// The listener is gone: a later cancel() tells nobody.
void forget_listener(PyObject* pending) noexcept;
// Steps the waiting task. Exceptions that leave the task end up in keep_exception().
void wake(PyObject* pending);

// Sets StopIteration(value) as the end of an awaitable does; steals `value`; gives null.
PyObject* stop_iteration(PyObject* value);

// What send() of an awaitable gives for what its tp_iternext has given: a method says its end by an exception.
PyObject* end_of_send(PyObject* given);

// throw(type, value, traceback) of an awaitable: sets the exception, gives null.
PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count);

}  // namespace proapi::bindings
