// Handlers that are not coroutines: each call runs in a thread of the pool while a coroutine on the loop waits for it.
#include <atomic>

#include "app/worker.hpp"
#include "net/forks.hpp"
#include "net/thread_pool.hpp"
#include "proapi/handler.hpp"

namespace proapi::detail {

namespace {

// One call in a thread. It stores its result and then, on the worker's thread, wakes the operation that waits for it,
// if one still does.
class ThreadCall final : public std::enable_shared_from_this<ThreadCall> {
public:
    ThreadCall(std::function<Response()> call, std::shared_ptr<Worker> worker)
        : call_(std::move(call)), worker_(std::move(worker)), site_(worker_->shared_site()) {}

    void start(Operation& waiting) {
        waiting_ = &waiting;
        worker_->pool().run([self = shared_from_this()] { self->run(); });
    }
    // On the worker's thread, like start(). A call that has not begun never begins.
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
        // The forked child would wait in this thread for the next call, and the parent would wait for its child.
        if (net::fork_count() != forks) net::end_forked_child();
        call_ = nullptr;
        site_ = nullptr;
        worker_->post([self = shared_from_this()] {
            if (Operation* operation = std::exchange(self->waiting_, nullptr)) operation->complete();
        });
    }

    std::function<Response()> call_;
    const std::shared_ptr<Worker> worker_;
    std::shared_ptr<const Site> site_;  // keeps the handler, which may outlive the server
    Operation* waiting_ = nullptr;
    std::atomic<bool> forgotten_ = false;
    std::optional<Response> result_;
    std::exception_ptr error_;
};

class InThread final : public Operation {
public:
    InThread(std::function<Response()> call, std::shared_ptr<Worker> worker)
        : call_(std::make_shared<ThreadCall>(std::move(call), std::move(worker))) {}
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
        Operation::on_cancel();
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
