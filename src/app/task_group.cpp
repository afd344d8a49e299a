#include "proapi/task_group.hpp"

#include "app/connection_state.hpp"
#include "app/log.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] bool is_cancellation(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

std::coroutine_handle<> GroupChild::on_done() noexcept {
    return group_.on_child_done(*this);
}

void GroupOperation::start(Task<> task, bool is_body) {
    GroupChild& child = children_.emplace_back(*this, context()->owner_ref(), std::move(task), is_body);
    child.place = std::prev(children_.end());
    child.start();  // the child may be destroyed, and with it the last reason for this operation to exist
}

bool GroupOperation::spawn(Task<> task) {
    if (is_ending_) return false;
    start(std::move(task), false);
    return true;
}

bool GroupOperation::await_suspend(std::coroutine_handle<> waiting) {
    suspend(waiting);
    ++busy_;
    start(*std::exchange(body_, std::nullopt), true);
    --busy_;
    if (!children_.empty()) return true;
    static_cast<void>(take_waiting());
    return false;
}

std::coroutine_handle<> GroupOperation::on_child_done(GroupChild& child) noexcept {
    has_seen_end_ = has_seen_end_ || child.context().has_seen_end();
    note_end(child);
    if (next_to_cancel_ == child.place) ++next_to_cancel_;
    children_.erase(child.place);
    if (error_) cancel_children();
    if (!children_.empty() || busy_ > 0) return std::noop_coroutine();
    return take_waiting();
}

void GroupOperation::note_end(const GroupChild& child) noexcept {
    const std::exception_ptr error = child.error();
    if (!error) return;
    if (is_cancellation(error) && (is_ending_ || !child.is_body)) return;
    if (error_) return log_task_failure("another task of a failed group", error);
    error_ = error;
}

void GroupOperation::cancel_children() noexcept {
    if (std::exchange(is_ending_, true)) return;
    ++busy_;
    next_to_cancel_ = children_.begin();
    while (next_to_cancel_ != children_.end()) {
        GroupChild& child = *next_to_cancel_++;
        child.context().cancel();
    }
    --busy_;
}

void GroupOperation::cancel_all() {
    cancel_children();
    if (children_.empty() && busy_ == 0) complete();
}

void GroupOperation::on_cancel() {
    mark_cancelled();
    cancel_all();
}

void GroupOperation::prepare_cancel() noexcept {
    if (is_ending_) return;  // the cancellation that follows does not reach the children
    for (GroupChild& child : children_) child.context().prepare_cancel();
}

// The task that has run the group knows what its tasks were told of the connection's end.
void GroupOperation::await_resume() const {
    if (has_seen_end_ && context()->owner()) context()->owner_ref()->mark_end_seen_by_caller(*context());
    if (is_cancelled() && error_) log_task_failure("a task of a cancelled group", error_);
    throw_if_cancelled();
    if (error_) std::rethrow_exception(error_);
}

}  // namespace proapi::detail
