// Threads for what may block, as the reactors' threads may not: handlers that are no coroutines, reads of files. They
// start when they are first needed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace proapi::net {

class ThreadPool {
public:
    explicit ThreadPool(std::size_t max_threads);
    ~ThreadPool() { close(); }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    // Calls `job` in a thread once one is free, after close() never. It must not throw. Where no thread can be
    // started and none is there, throws std::system_error or std::bad_alloc.
    void run(std::function<void()> job);
    // Starts nothing more: jobs that wait for a thread are dropped. What runs is not waited for: it can't be
    // interrupted, and nobody waits for its result. The pool's own end does not suffice: the jobs hold whoever holds
    // it.
    void close() noexcept;
    // How many jobs run or wait for a thread.
    [[nodiscard]] std::size_t busy() const;

private:
    struct State;
    static void serve(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;  // the threads hold it too
};

}  // namespace proapi::net
