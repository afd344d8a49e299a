#include <algorithm>

#include "app/connection_state.hpp"
#include "app/wake_ups.hpp"
#include "proapi/concurrency.hpp"

namespace proapi::detail {

std::coroutine_handle<> ChildBase::on_done() noexcept {
    return join_.on_child_done(*this);
}

bool ChildBase::was_cancelled() const noexcept {
    const std::exception_ptr why = error();
    if (!why) return false;
    try {
        std::rethrow_exception(why);
    } catch (const Cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

bool JoinOperation::await_suspend(std::coroutine_handle<> waiting) {
    suspend(waiting);
    ++busy_;
    for (ChildBase* child : children_) {
        if (stopping_) break;
        child->started_ = true;
        ++running_;
        child->start();
    }
    --busy_;
    if (running_ == 0) {
        static_cast<void>(take_waiting());
        return false;
    }
    if (timeout_.count() >= 0)
        wake_up_ = std::make_unique<TimerWakeUp>(
            *this, timeout_, [](Operation& operation) { static_cast<JoinOperation&>(operation).on_timeout(); });
    return true;
}

std::coroutine_handle<> JoinOperation::on_child_done(ChildBase& child) noexcept {
    child.done_ = true;
    --running_;
    if (!decisive_ && (until_ == Until::first_end || child.error())) {
        decisive_ = &child;
        if (!stopping_) cancel_children();  // children are cancelled only once
    }
    if (busy_ > 0 || running_ > 0) return std::noop_coroutine();
    wake_up_.reset();
    return take_waiting();
}

// A task that has waited for a child which was informed of the connection's end counts as informed too.
void JoinOperation::await_resume() const {
    const auto has_seen_end = [](ChildBase* child) { return child->context().has_seen_end(); };
    if (context() && context()->owner() && std::any_of(children_.begin(), children_.end(), has_seen_end))
        context()->owner_ref()->mark_end_seen_by_caller(*context());
    throw_if_cancelled();
}

void JoinOperation::cancel_children() noexcept {
    stopping_ = true;
    ++busy_;
    for (ChildBase* child : children_)
        if (child->is_running()) child->context().cancel();
    --busy_;
}

void JoinOperation::resume_if_over() {
    if (running_ > 0 || busy_ > 0) return;
    wake_up_.reset();
    complete();
}

void JoinOperation::on_cancel() {
    mark_cancelled();
    if (!stopping_) cancel_children();
    resume_if_over();
}

void JoinOperation::prepare_cancel() noexcept {
    if (stopping_) return;  // the cancellation that follows does not reach the children
    for (ChildBase* child : children_)
        if (child->is_running()) child->context().prepare_cancel();
}

void JoinOperation::on_timeout() {
    if (stopping_) return;
    timed_out_ = true;
    cancel_children();
    resume_if_over();
}

}  // namespace proapi::detail
