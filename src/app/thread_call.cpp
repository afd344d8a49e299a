// Calls in threads of the pool, while a coroutine on the loop waits for each.
#include <atomic>
#include <stdexcept>

#include "app/worker.hpp"
#include "net/forks.hpp"
#include "net/thread_pool.hpp"
#include "proapi/to_thread.hpp"

namespace proapi::detail {

// One call in a thread. It stores its result and then, on the worker's thread, wakes the operation that waits for it,
// if one still does.
class ThreadCall final : public std::enable_shared_from_this<ThreadCall> {
public:
    ThreadCall(std::function<void()> call, std::shared_ptr<Worker> worker)
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
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    void run() noexcept {
        if (forgotten_.load(std::memory_order_relaxed)) return;
        const unsigned forks = net::fork_count();
        try {
            call_();
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

    std::function<void()> call_;
    const std::shared_ptr<Worker> worker_;
    std::shared_ptr<const Site> site_;  // keeps the handler, which may outlive the server
    Operation* waiting_ = nullptr;
    std::atomic<bool> forgotten_ = false;
    std::exception_ptr error_;
};

namespace {

std::shared_ptr<Worker> worker_of_caller() {
    Worker* const worker = Worker::current();
    if (!worker) throw std::logic_error("to_thread(): expected to be called in a handler or task, got another thread");
    return worker->shared_from_this();
}

}  // namespace

ThreadOperation::ThreadOperation(std::function<void()> call)
    : call_(std::make_shared<ThreadCall>(std::move(call), worker_of_caller())) {}

ThreadOperation::~ThreadOperation() {
    call_->forget();
}

bool ThreadOperation::await_ready() {
    check_cancelled();
    return false;
}

void ThreadOperation::await_suspend(std::coroutine_handle<> waiting) {
    call_->start(*this);
    suspend(waiting);
}

void ThreadOperation::await_resume() const {
    throw_if_cancelled();
    call_->rethrow();
}

void ThreadOperation::on_cancel() {
    call_->forget();
    Operation::on_cancel();
}

}  // namespace proapi::detail
