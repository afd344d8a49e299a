// What Event, Channel and TaskHandle share: lists of the operations that wait for an object, and the check that the
// object is used on one thread. Applications use neither.
//
// An operation is in at most one list: that of the object that it waits for, or, once it was woken, that of its worker,
// which completes it from the loop, after the running code has returned. So no call that wakes a task runs code of that
// task, and an operation that is cancelled or destroyed first leaves either list.
#pragma once

#include <atomic>
#include <cstdint>

#include "proapi/context.hpp"

namespace proapi::detail {

class WaitList;

// A place in a list. Whoever is destroyed leaves the list.
class WaitLink {
public:
    WaitLink() noexcept = default;
    WaitLink(const WaitLink&) = delete;
    WaitLink& operator=(const WaitLink&) = delete;
    ~WaitLink() { unlink(); }
    void unlink() noexcept {
        previous_->next_ = next_;
        next_->previous_ = previous_;
        previous_ = next_ = this;
    }

private:
    friend class WaitList;
    WaitLink *previous_ = this, *next_ = this;
};

// The base of operations that another task of the same thread completes.
class WaitOperation : public Operation, private WaitLink {
public:
    WaitOperation() noexcept = default;
    WaitOperation(WaitOperation&& other) noexcept : Operation(std::move(other)) {}

    // Leaves its list and completes soon, from the loop. On the worker's thread.
    void wake_soon() noexcept;
    void on_cancel() override;

protected:
    // Waits in `list`.
    void suspend_in(WaitList& list, std::coroutine_handle<> waiting) noexcept;
    // Leaves its list, whichever it is. Returns whether the operation was woken before.
    bool leave() noexcept;
    [[nodiscard]] bool is_woken() const noexcept { return is_woken_; }

private:
    friend class WaitList;
    bool is_woken_ = false;
};

// Operations in the order in which they began to wait.
class WaitList {
public:
    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
    void push_back(WaitOperation& operation) noexcept;
    // Removes and returns the first operation; null if the list is empty.
    WaitOperation* pop_front() noexcept;
    // Moves all operations of `other` to the end of this list.
    void splice(WaitList& other) noexcept;
    // Wakes the operations that wait now.
    void wake_all() noexcept;

private:
    WaitLink head_;
};

// Ties an object to the worker whose task first uses it, until that worker ends.
class WorkerBinding {
public:
    // Throws std::logic_error, which begins with `call`, on the thread of another worker or of none. A call outside any
    // worker is allowed while the object is tied to none. Any thread.
    void require(const char* call);

private:
    std::atomic<std::uint64_t> worker_ = 0;  // its number; 0: none yet
};

}  // namespace proapi::detail
