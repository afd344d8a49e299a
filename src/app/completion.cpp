#include "proapi/completion.hpp"

#include <stdexcept>

#include "app/worker.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] std::shared_ptr<Worker> require_worker() {
    Worker* worker = Worker::current();
    if (!worker) throw std::logic_error("Completion: expected to be made in a handler or a task that it started");
    return worker->shared_from_this();
}

}  // namespace

CompletionState::CompletionState() : worker_(require_worker()) {}

CompletionState::~CompletionState() = default;

bool CompletionState::set_exception(std::exception_ptr error) {
    if (!error)
        throw std::invalid_argument("set_exception() of a Completion: expected an exception, got a null pointer");
    return set([&] { error_ = std::move(error); });
}

// Setting a result never runs the waiting task within the call, not even on the task's own thread.
void CompletionState::wake(std::unique_lock<std::mutex> lock) {
    const bool is_awaited = waiting_ != nullptr;
    lock.unlock();
    if (!is_awaited) return;
    worker_->post([self = shared_from_this()] {
        Operation* operation = nullptr;
        {
            const std::lock_guard again(self->mutex_);
            operation = std::exchange(self->waiting_, nullptr);
        }
        if (operation) operation->complete();
    });
}

bool CompletionState::check_ready() {
    if (!worker_->is_current())
        throw std::logic_error("co_await of a Completion: expected the thread that it was made on, got another one");
    const std::lock_guard lock(mutex_);
    if (is_taken_)
        throw std::logic_error("co_await of a Completion: expected the first await of its result, got another");
    if (waiting_) throw std::logic_error("co_await of a Completion: another task is waiting for it already");
    return is_set_;
}

bool CompletionState::wait(Operation& operation) noexcept {
    const std::lock_guard lock(mutex_);
    if (!is_set_) waiting_ = &operation;
    return !is_set_;
}

void CompletionState::forget(const Operation& operation) noexcept {
    const std::lock_guard lock(mutex_);
    if (waiting_ == &operation) waiting_ = nullptr;
}

void CompletionState::take() {
    const std::lock_guard lock(mutex_);
    is_taken_ = true;
    if (error_) std::rethrow_exception(error_);
}

void refuse_moved_completion() {
    throw std::logic_error("expected a Completion, got one that was moved from");
}

}  // namespace proapi::detail
