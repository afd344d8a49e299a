#include "proapi/waiting.hpp"

#include <stdexcept>
#include <string>

#include "app/worker.hpp"

namespace proapi::detail {

void WaitOperation::wake_soon() noexcept {
    is_woken_ = true;
    Worker::current()->wake(*this);
}

void WaitOperation::on_cancel() {
    static_cast<void>(leave());
    Operation::on_cancel();
}

void WaitOperation::suspend_in(WaitList& list, std::coroutine_handle<> waiting) noexcept {
    is_woken_ = false;
    suspend(waiting);
    list.push_back(*this);
}

bool WaitOperation::leave() noexcept {
    unlink();
    return std::exchange(is_woken_, false);
}

void WaitList::push_back(WaitOperation& operation) noexcept {
    WaitLink& link = operation;
    link.unlink();
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
}

WaitOperation* WaitList::pop_front() noexcept {
    if (empty()) return nullptr;
    WaitLink* const link = head_.next_;
    link->unlink();
    return static_cast<WaitOperation*>(link);
}

void WaitList::splice(WaitList& other) noexcept {
    while (WaitOperation* const operation = other.pop_front()) push_back(*operation);
}

void WaitList::wake_all() noexcept {
    while (WaitOperation* const operation = pop_front()) operation->wake_soon();
}

void WorkerBinding::require(const char* call) {
    const std::uint64_t current = Worker::current_number();
    std::uint64_t bound = worker_.load(std::memory_order_acquire);
    if (bound == current) return;
    if (!Worker::is_running(bound) &&
        (current == 0 || worker_.compare_exchange_strong(bound, current, std::memory_order_acq_rel)))
        return;
    throw std::logic_error(std::string(call) +
                           ": expected the thread of the worker that uses it, got another one: tasks of several "
                           "threads share a Completion instead");
}

}  // namespace proapi::detail
