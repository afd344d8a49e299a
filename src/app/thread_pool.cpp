#include "app/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "app/worker.hpp"
#include "net/forks.hpp"
#include "proapi/handler.hpp"

namespace proapi::detail {

struct ThreadPool::State {
    std::mutex mutex;
    std::condition_variable news;
    std::deque<std::function<void()>> waiting;
    std::size_t max_threads = 0, threads = 0, idle = 0, running = 0;
    bool closed = false;
};

std::size_t ThreadPool::default_max_threads() noexcept {
    return std::min<std::size_t>(32, std::max(1U, std::thread::hardware_concurrency()) + 4);
}

ThreadPool::ThreadPool(std::size_t max_threads) : state_(std::make_shared<State>()) {
    state_->max_threads = max_threads;
}

void ThreadPool::close() noexcept {
    std::deque<std::function<void()>> dropped;  // what they hold may take a lock of its own
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
    } catch (const std::system_error&) {
        if (state_->threads > 0) return;  // those that are there will come to it
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
        job = nullptr;  // what it holds may take a lock of its own
        lock.lock();
        --state->running;
    }
}

namespace {

// One call in a thread: it goes there, comes back with what it gave, and wakes who waits, if anybody still does.
class ThreadCall final : public std::enable_shared_from_this<ThreadCall> {
public:
    ThreadCall(std::function<Response()> call, std::shared_ptr<Worker> home)
        : call_(std::move(call)), home_(std::move(home)) {}

    void start(Leaf& waiting) {
        waiting_ = &waiting;
        home_->pool().run([self = shared_from_this()] { self->run(); });
    }
    // On the home thread, like start(). A call that has not begun does not begin any more.
    void forget() noexcept {
        waiting_ = nullptr;
        forgotten_.store(true, std::memory_order_relaxed);
    }
    [[nodiscard]] Response take() {
        if (error_) std::rethrow_exception(error_);
        return std::move(*result_);
    }

private:
    void run() noexcept {
        if (forgotten_.load(std::memory_order_relaxed)) return;
        const unsigned forks = net::fork_count();
        try {
            result_.emplace(call_());
        } catch (...) {
            error_ = std::current_exception();
        }
        // The child would wait in this thread for the next call, and the parent for its child.
        if (net::fork_count() != forks) net::end_forked_child();
        call_ = nullptr;
        home_->post([self = shared_from_this()] {
            if (Leaf* leaf = std::exchange(self->waiting_, nullptr)) leaf->complete();
        });
    }

    std::function<Response()> call_;
    const std::shared_ptr<Worker> home_;
    Leaf* waiting_ = nullptr;
    std::atomic<bool> forgotten_ = false;
    std::optional<Response> result_;
    std::exception_ptr error_;
};

class InThread final : public Leaf {
public:
    InThread(std::function<Response()> call, std::shared_ptr<Worker> home)
        : call_(std::make_shared<ThreadCall>(std::move(call), std::move(home))) {}
    InThread(InThread&&) = delete;
    ~InThread() override { call_->forget(); }

    [[nodiscard]] bool await_ready() {
        check_cancelled();
        return false;
    }
    void await_suspend(std::coroutine_handle<> waiting) {
        call_->start(*this);
        suspend(waiting);
    }
    Response await_resume() {
        throw_if_cancelled();
        return call_->take();
    }
    void on_cancel() override {
        call_->forget();
        Leaf::on_cancel();
    }

private:
    std::shared_ptr<ThreadCall> call_;
};

}  // namespace

Task<Response> in_thread(std::function<Response()> call) {
    InThread operation(std::move(call), Worker::current()->shared_from_this());
    co_return co_await operation;
}

}  // namespace proapi::detail
