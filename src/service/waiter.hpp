// Waiters for an event that happens once: an outgoing buffer drains, a connection ends.
#pragma once

#include "base/intrusive_list.hpp"

namespace proapi::service {

class WaiterList;

// Leaves its list when it is destroyed, and before it is called. One thread.
class Waiter : private base::ListLink {
public:
    virtual void on_ready() = 0;
    void cancel_wait() noexcept { unlink(); }

protected:
    Waiter() = default;
    ~Waiter() = default;

private:
    friend class WaiterList;
    friend class base::IntrusiveList<Waiter, Waiter>;
};

class WaiterList {
public:
    void add(Waiter& waiter) noexcept { waiters_.push_back(waiter); }
    [[nodiscard]] bool empty() const noexcept { return waiters_.empty(); }

    // Calls each waiter that waits now. Waiters added meanwhile wait for the next event.
    void wake() {
        base::IntrusiveList<Waiter, Waiter> woken;
        woken.splice(waiters_);
        try {
            while (Waiter* waiter = woken.pop_front()) waiter->on_ready();
        } catch (...) {
            waiters_.splice(woken);  // these have not been called yet
            throw;
        }
    }

private:
    base::IntrusiveList<Waiter, Waiter> waiters_;
};

}  // namespace proapi::service
