// Cancels a task at each of its suspension points.
#pragma once

#include <functional>

#include "client.hpp"

namespace proapi::test {

// Runs turns of the loop until `is_over()`.
inline Task<> turn_until(std::function<bool()> is_over) {
    while (!is_over()) co_await sleep(std::chrono::milliseconds(0));
}

// Calls `run(n)` for n = 0, 1, 2, ...: it cancels its task after n turns and returns whether the cancellation reached
// the task. Stops at the first n at which the task has ended before. Returns that n.
inline Task<int> cancel_after_each_turn(std::function<Task<bool>(int turns)> run) {
    for (int turns = 0;; ++turns)
        if (!co_await run(turns)) co_return turns;
}

// Cancels `task` after that many turns and waits for its end. Returns whether the task was still running.
inline Task<bool> cancel_after(TaskHandle task, int turns) {
    for (int i = 0; i < turns; ++i) co_await sleep(std::chrono::milliseconds(0));
    const bool was_running = !task.is_done();
    task.cancel();
    co_await turn_until([&] { return task.is_done(); });
    co_return was_running;
}

}  // namespace proapi::test
