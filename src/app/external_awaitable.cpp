#include "proapi/external_awaitable.hpp"

#include <mutex>
#include <stdexcept>
#include <type_traits>

#include "app/worker.hpp"

namespace proapi::detail {

// Waits that no task needs any more and that have not been resumed: they can't be freed, but stay reachable.
class ExternalWait::Abandoned {
public:
    static void add(ExternalWait& wait) noexcept {
        const std::lock_guard lock(mutex());
        wait.next_ = first();
        if (wait.next_) wait.next_->previous_ = &wait;
        first() = &wait;
    }
    static void remove(ExternalWait& wait) noexcept {
        const std::lock_guard lock(mutex());
        if (wait.next_) wait.next_->previous_ = wait.previous_;
        (wait.previous_ ? wait.previous_->next_ : first()) = wait.next_;
        wait.next_ = wait.previous_ = nullptr;
    }

private:
    static std::mutex& mutex() noexcept {
        static constinit std::mutex shared;
        static_assert(std::is_trivially_destructible_v<std::mutex>, "threads of other libraries use it after main()");
        return shared;
    }
    static ExternalWait*& first() noexcept {
        static ExternalWait* first = nullptr;
        return first;
    }
};

struct ExternalWait::Resumer {
    struct promise_type {
        struct Over {
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            // May destroy the resumer.
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                ended.promise().wait.on_resumed();
            }
            void await_resume() const noexcept {}
        };

        explicit promise_type(ExternalWait& whose) noexcept : wait(whose) {}
        Resumer get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Over final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { wait.error_ = std::current_exception(); }

        ExternalWait& wait;
    };

    std::coroutine_handle<promise_type> coroutine;
};

// Makes only the middle one of the three awaiter calls: the task itself calls await_ready() and await_resume().
ExternalWait::Resumer ExternalWait::make_resumer(ExternalWait& wait) {
    struct Suspending {
        ExternalWait& wait;
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> resumer) const { return wait.suspend(resumer); }
        void await_resume() const noexcept {}
    };
    Suspending suspending{wait};
    co_await suspending;
}

ExternalWait::~ExternalWait() {
    if (resumer_) resumer_.destroy();
}

bool ExternalWait::start(Operation& operation) {
    Worker* worker = Worker::current();
    if (!worker)
        throw std::logic_error("co_await of another library's awaitable: expected a handler or a task that it started");
    worker_ = worker->shared_from_this();
    resumer_ = make_resumer(*this).coroutine;
    operation_ = &operation;
    is_over_ = false;
    // Passes the resumer to the awaiter, which may resume it at once, here or on another thread, or decline to suspend.
    resumer_.resume();
    Phase expected = Phase::starting;
    if (phase_.compare_exchange_strong(expected, Phase::waiting, std::memory_order_acq_rel)) return true;
    is_over_ = true;
    return false;
}

void ExternalWait::check() const {
    if (error_) std::rethrow_exception(error_);
}

void ExternalWait::release() noexcept {
    operation_ = nullptr;
    if (is_over_) return delete this;
    Abandoned::add(*this);
    Phase expected = Phase::waiting;
    if (phase_.compare_exchange_strong(expected, Phase::abandoned, std::memory_order_acq_rel)) return;
    Abandoned::remove(*this);  // it has been resumed, and finish() is on its way to this thread
}

void ExternalWait::on_resumed() noexcept {
    const std::shared_ptr<Worker> worker = worker_;  // this object may be deleted as soon as the phase has changed
    switch (phase_.exchange(Phase::resumed, std::memory_order_acq_rel)) {
        case Phase::starting:
        case Phase::resumed:
            return;
        case Phase::abandoned:
            Abandoned::remove(*this);
            return delete this;
        case Phase::waiting:
            if (worker->is_current()) return finish();
            // If that thread has ended, the task was destroyed before.
            if (!worker->post([this] { finish(); })) delete this;
    }
}

void ExternalWait::finish() {
    if (!operation_) return delete this;
    is_over_ = true;
    std::exchange(operation_, nullptr)->complete();
}

}  // namespace proapi::detail
