#include "net/thread_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "net/forks.hpp"

namespace proapi::net {

struct ThreadPool::State {
    std::mutex mutex;
    std::condition_variable news;
    std::deque<std::function<void()>> waiting;
    std::size_t max_threads = 0, threads = 0, idle = 0, running = 0;
    bool closed = false;
    const unsigned forks = fork_count();
};

ThreadPool::ThreadPool(std::size_t max_threads) : state_(std::make_shared<State>()) {
    state_->max_threads = max_threads;
}

void ThreadPool::close() noexcept {
    if (fork_count() != state_->forks) return;  // the threads, and perhaps the lock, belong to the parent
    std::deque<std::function<void()>> dropped;  // destroyed unlocked: objects that the jobs hold may take other locks
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    dropped.swap(state_->waiting);
    state_->news.notify_all();
}

void ThreadPool::run(std::function<void()> job) {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return;
    state_->waiting.push_back(std::move(job));
    if (state_->idle >= state_->waiting.size() || state_->threads == state_->max_threads)
        return state_->news.notify_one();
    try {
        std::thread([state = state_] { serve(state); }).detach();
        ++state_->threads;
    } catch (...) {                       // no thread can be started, or out of memory
        if (state_->threads > 0) return;  // an existing thread will run the job
        state_->waiting.pop_back();
        throw;
    }
}

std::size_t ThreadPool::busy() const {
    const std::lock_guard lock(state_->mutex);
    return state_->running + state_->waiting.size();
}

void ThreadPool::serve(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (true) {
        ++state->idle;
        state->news.wait(lock, [&] { return state->closed || !state->waiting.empty(); });
        --state->idle;
        if (state->closed) return;
        std::function<void()> job = std::move(state->waiting.front());
        state->waiting.pop_front();
        ++state->running;
        lock.unlock();
        job();
        job = nullptr;  // destroyed unlocked: objects that the job holds may take other locks
        lock.lock();
        --state->running;
    }
}

}  // namespace proapi::net
