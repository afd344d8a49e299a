#include "proapi/context.hpp"

#include <stdexcept>
#include <utility>

#include "app/waits.hpp"
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

void Context::let_go() noexcept {
    if (pending_) pending_->let_go();
}

Context::Scope::Scope(Context* context) noexcept : previous_(std::exchange(current_context, context)) {}

Context::Scope::~Scope() {
    current_context = previous_;
}

Leaf::~Leaf() {
    if (waiting_ && context_ && context_->pending_ == this) context_->pending_ = nullptr;
}

void Leaf::complete() {
    if (!waiting_) return;
    const Context::Scope scope(context_);
    take_waiting().resume();
}

void Leaf::on_cancel() {
    wait_.reset();
    cancelled_ = true;
    complete();
}

void Leaf::check_cancelled() {
    if (context_ && std::exchange(context_->cancel_requested_, false)) throw Cancelled();
}

void Leaf::suspend(std::coroutine_handle<> waiting) noexcept {
    cancelled_ = false;
    waiting_ = waiting;
    if (context_) context_->pending_ = this;
}

void Leaf::throw_if_cancelled() const {
    if (cancelled_) throw Cancelled();
}

std::coroutine_handle<> Leaf::take_waiting() noexcept {
    if (context_) context_->pending_ = nullptr;
    current_context = context_;
    return std::exchange(waiting_, nullptr);
}

void refuse_task(bool has_run) {
    throw std::logic_error(has_run ? "expected a task that has not run, got one that was awaited or spawned already"
                                   : "expected a task, got one that was moved from");
}

void Sleeping::await_suspend(std::coroutine_handle<> waiting) {
    wait_ = std::make_unique<TimerWait>(*this, duration_, [](Leaf& leaf) { leaf.complete(); });
    suspend(waiting);
}

}  // namespace proapi::detail
