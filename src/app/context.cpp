#include "proapi/context.hpp"

#include <stdexcept>
#include <utility>

#include "app/wake_ups.hpp"
#include "proapi/concurrency.hpp"

namespace proapi::detail {

namespace {

thread_local Context* current_context = nullptr;

}  // namespace

Context::Context(ConnectionRef owner) noexcept : owner_(std::move(owner)) {}

Context::Context() {
    if (current_context) owner_ = current_context->owner_;
}

Context::~Context() = default;

Context* Context::current() noexcept {
    return current_context;
}

void Context::cancel() {
    if (pending_) {
        pending_->on_cancel();
    } else {
        cancel_requested_ = true;
    }
}

void Context::prepare_cancel() noexcept {
    if (pending_) pending_->prepare_cancel();
}

Context::Scope::Scope(Context* context) noexcept : previous_(std::exchange(current_context, context)) {}

Context::Scope::~Scope() {
    current_context = previous_;
}

Operation::~Operation() {
    if (waiting_ && context_ && context_->pending_ == this) context_->pending_ = nullptr;
}

void Operation::complete() {
    if (!waiting_) return;
    const Context::Scope scope(context_);
    take_waiting().resume();
}

void Operation::on_cancel() {
    wake_up_.reset();
    cancelled_ = true;
    complete();
}

void Operation::check_cancelled() {
    if (context_ && std::exchange(context_->cancel_requested_, false)) throw Cancelled();
}

void Operation::suspend(std::coroutine_handle<> waiting) noexcept {
    cancelled_ = false;
    waiting_ = waiting;
    if (context_) context_->pending_ = this;
}

void Operation::throw_if_cancelled() const {
    if (cancelled_) throw Cancelled();
}

std::coroutine_handle<> Operation::take_waiting() noexcept {
    if (context_) context_->pending_ = nullptr;
    current_context = context_;
    return std::exchange(waiting_, nullptr);
}

void refuse_task(bool has_run) {
    throw std::logic_error(has_run ? "expected a task that has not run, got one that was awaited or spawned already"
                                   : "expected a task, got one that was moved from");
}

void SleepOperation::await_suspend(std::coroutine_handle<> waiting) {
    wake_up_ = std::make_unique<TimerWakeUp>(*this, duration_, [](Operation& operation) { operation.complete(); });
    suspend(waiting);
}

}  // namespace proapi::detail
