#include "proapi/foreign.hpp"

#include <mutex>
#include <stdexcept>

#include "app/worker.hpp"

namespace proapi::detail {

// Those that nobody waits for and that have not been resumed: they can't be freed, and are not lost either.
class ForeignWait::Abandoned {
public:
    static void add(ForeignWait& wait) noexcept {
        const std::lock_guard lock(mutex());
        wait.next_ = first();
        if (wait.next_) wait.next_->previous_ = &wait;
        first() = &wait;
    }
    static void remove(ForeignWait& wait) noexcept {
        const std::lock_guard lock(mutex());
        if (wait.next_) wait.next_->previous_ = wait.previous_;
        (wait.previous_ ? wait.previous_->next_ : first()) = wait.next_;
        wait.next_ = wait.previous_ = nullptr;
    }

private:
    // Never destroyed: other libraries' threads may come after main().
    static std::mutex& mutex() noexcept {
        static auto& shared = *new std::mutex;
        return shared;
    }
    static ForeignWait*& first() noexcept {
        static ForeignWait* first = nullptr;
        return first;
    }
};

struct ForeignWait::Bridge {
    struct promise_type {
        struct Over {
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            // May destroy the bridge.
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                ended.promise().wait.on_resumed();
            }
            void await_resume() const noexcept {}
        };

        explicit promise_type(ForeignWait& whose) noexcept : wait(whose) {}
        Bridge get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Over final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { wait.error_ = std::current_exception(); }

        ForeignWait& wait;
    };

    std::coroutine_handle<promise_type> coroutine;
};

// The middle of three: whether it is ready and what it gives is asked by the task itself.
ForeignWait::Bridge ForeignWait::make_bridge(ForeignWait& wait) {
    struct Suspending {
        ForeignWait& wait;
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> bridge) const { return wait.suspend(bridge); }
        void await_resume() const noexcept {}
    };
    Suspending suspending{wait};
    co_await suspending;
}

ForeignWait::~ForeignWait() {
    if (bridge_) bridge_.destroy();
}

bool ForeignWait::start(Leaf& leaf) {
    Worker* worker = Worker::current();
    if (!worker) throw std::logic_error("co_await of another library's awaitable: expected a handler or a task of one");
    home_ = worker->shared_from_this();
    bridge_ = make_bridge(*this).coroutine;
    leaf_ = &leaf;
    is_over_ = false;
    // Gives the awaiter the bridge to resume. It may do so at once, here or on another thread, or not want to wait.
    bridge_.resume();
    Phase expected = Phase::starting;
    if (phase_.compare_exchange_strong(expected, Phase::waiting, std::memory_order_acq_rel)) return true;
    is_over_ = true;
    return false;
}

void ForeignWait::check() const {
    if (error_) std::rethrow_exception(error_);
}

void ForeignWait::release() noexcept {
    leaf_ = nullptr;
    if (is_over_) return delete this;
    Abandoned::add(*this);
    Phase expected = Phase::waiting;
    if (phase_.compare_exchange_strong(expected, Phase::abandoned, std::memory_order_acq_rel)) return;
    Abandoned::remove(*this);  // it has been resumed, and finish() is on its way here
}

void ForeignWait::on_resumed() noexcept {
    const std::shared_ptr<Worker> home = home_;  // this may be deleted as soon as the phase has changed
    switch (phase_.exchange(Phase::resumed, std::memory_order_acq_rel)) {
        case Phase::starting:
        case Phase::resumed:
            return;
        case Phase::abandoned:
            Abandoned::remove(*this);
            return delete this;
        case Phase::waiting:
            if (home->is_here()) return finish();
            // Where that thread has ended, the task has gone before.
            if (!home->post([this] { finish(); })) delete this;
    }
}

void ForeignWait::finish() {
    if (!leaf_) return delete this;
    is_over_ = true;
    std::exchange(leaf_, nullptr)->complete();
}

}  // namespace proapi::detail
