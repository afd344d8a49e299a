// What calls a Leaf when its time has come: the engine's timers and waiters, one object each while a coroutine waits.
#pragma once

#include <chrono>
#include <stdexcept>

#include "app/worker.hpp"
#include "proapi/context.hpp"
#include "service/waiter.hpp"

namespace proapi::detail {

// Calls `action` once, after that time. Throws std::logic_error on a thread that is no worker.
class TimerWait final : public Wait {
public:
    using Action = void (*)(Leaf& leaf);
    TimerWait(Leaf& leaf, std::chrono::milliseconds delay, Action action)
        : leaf_(leaf), action_(action), timer_([](void* self) { static_cast<TimerWait*>(self)->fire(); }, this) {
        Worker* worker = Worker::current();
        if (!worker) throw std::logic_error("sleep() and wait_for() work in handlers and the tasks that they start");
        worker->reactor().start_timer(timer_, delay);
    }

private:
    void fire() { action_(leaf_); }

    Leaf& leaf_;
    Action action_;
    base::Timer timer_;
};

// Completes the leaf; the engine's object is told with `add(waiter)` whom to call.
class WaiterWait final : public Wait, public service::Waiter {
public:
    explicit WaiterWait(Leaf& leaf) noexcept : leaf_(leaf) {}
    void on_ready() override { leaf_.complete(); }

private:
    Leaf& leaf_;
};

}  // namespace proapi::detail
