// Threads for work that may block, which is not allowed on the reactors' threads: handlers that are not coroutines, and
// file reads. Threads start when they are first needed.
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

    // Calls `job` in a thread as soon as one is free; never after close(). The job must not throw. If no thread exists
    // and none can be started, throws std::system_error or std::bad_alloc.
    void run(std::function<void()> job);
    // Starts no further job and drops the jobs that wait for a thread. Does not wait for running jobs: they can't be
    // interrupted, and nothing waits for their results. The owner must call this, because jobs may hold the owner of
    // the pool, so that the destructor alone would come too late.
    void close() noexcept;
    // The number of jobs that run or wait for a thread.
    [[nodiscard]] std::size_t busy() const;

private:
    struct State;
    static void serve(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;  // shared with the threads
};

}  // namespace proapi::net
