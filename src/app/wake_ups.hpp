// Objects that wake an Operation: by a timer of the reactor, or as a waiter of the engine. Each waiting coroutine owns
// one.
#pragma once

#include <chrono>
#include <stdexcept>

#include "app/worker.hpp"
#include "proapi/context.hpp"
#include "service/waiter.hpp"

namespace proapi::detail {

// Calls `action` once, after `delay`. Throws std::logic_error on a thread that is not a worker.
class TimerWakeUp final : public WakeUp {
public:
    using Action = void (*)(Operation& operation);
    TimerWakeUp(Operation& operation, std::chrono::milliseconds delay, Action action)
        : operation_(operation),
          action_(action),
          timer_([](void* self) { static_cast<TimerWakeUp*>(self)->fire(); }, this) {
        Worker* worker = Worker::current();
        if (!worker) throw std::logic_error("sleep() and wait_for() work in handlers and the tasks that they start");
        worker->reactor().start_timer(timer_, delay);
    }

private:
    void fire() { action_(operation_); }

    Operation& operation_;
    Action action_;
    base::Timer timer_;
};

// Completes the operation. The caller registers this object as a waiter with the engine's object.
class WaiterWakeUp final : public WakeUp, public service::Waiter {
public:
    explicit WaiterWakeUp(Operation& operation) noexcept : operation_(operation) {}
    void on_ready() override { operation_.complete(); }

private:
    Operation& operation_;
};

}  // namespace proapi::detail
