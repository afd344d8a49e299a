// The threads of handlers that are no coroutines: they may block, and the reactors' threads may not. Threads start when
// they are first needed and are shared by the workers of one process.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace proapi::detail {

class ThreadPool {
public:
    explicit ThreadPool(std::size_t max_threads = default_max_threads());
    ~ThreadPool() { close(); }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    // Calls `job` in a thread once one is free, after close() never. It must not throw. Throws std::system_error where
    // no thread can be started and none is there.
    void run(std::function<void()> job);
    // Starts nothing more: jobs that wait for a thread are dropped. What runs is not waited for: it can't be
    // interrupted, and nobody waits for its result. The pool's own end does not suffice: the jobs hold whoever holds
    // it.
    void close() noexcept;
    // How many jobs run or wait for a thread.
    [[nodiscard]] std::size_t busy() const;

    // As many as asyncio's own pool: 4 more than there are cores, at most 32.
    [[nodiscard]] static std::size_t default_max_threads() noexcept;

private:
    struct State;
    static void serve(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;  // the threads hold it too
};

}  // namespace proapi::detail
