// Those who wait for something to happen once: an outgoing buffer to drain, a connection to end.
#pragma once

#include "base/intrusive_list.hpp"

namespace proapi::service {

class WaiterList;

// Leaves its list when it is destroyed, and is out of it before it is called. One thread.
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

    // Calls each that waits now; those who come meanwhile wait for the next time.
    void wake() {
        base::IntrusiveList<Waiter, Waiter> woken;
        woken.splice(waiters_);
        try {
            while (Waiter* waiter = woken.pop_front()) waiter->on_ready();
        } catch (...) {
            waiters_.splice(woken);  // theirs is still to come
            throw;
        }
    }

private:
    base::IntrusiveList<Waiter, Waiter> waiters_;
};

}  // namespace proapi::service
