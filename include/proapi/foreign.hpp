// Foreign: how a task awaits what is not the library's, such as another library's event or a callback's awaiter. That
// is resumed by code which knows nothing of tasks, on any thread, maybe when nobody waits any more. So between the two
// stands a bridge, a coroutine which that code resumes in the task's place:
//
//   starting ---> waiting ---> resumed       the task goes on: on its own thread, whichever one that was
//       |            |
//       |            +--> abandoned          the task was cancelled, or taken away; the bridge waits for who comes late
//       +--> resumed                         before the task has begun to wait
//
// The bridge keeps the awaitable (if it was given as a value) and its awaiter until it has been resumed: what never is
// resumed is never freed.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "proapi/context.hpp"

namespace proapi::detail {

class Worker;

// What its operator co_await gives, or itself.
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
        return std::forward<Awaitable>(awaitable).operator co_await();
    } else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); }) {
        return operator co_await(std::forward<Awaitable>(awaitable));
    } else {
        return std::forward<Awaitable>(awaitable);
    }
}

// One wait, shared by the task and by whoever resumes it. Made and released by the task; deletes itself once both are
// done with it.
class ForeignWait {
public:
    ForeignWait() = default;
    ForeignWait(const ForeignWait&) = delete;
    ForeignWait& operator=(const ForeignWait&) = delete;

    // --- the task's side, on its thread ---
    // False where there is nothing to wait for (any more). Else `leaf` is completed later, on this thread.
    [[nodiscard]] bool start(Leaf& leaf);
    // Throws what the awaiter has thrown when it was to suspend.
    void check() const;
    // The task does not wait (any more).
    void release() noexcept;

protected:
    virtual ~ForeignWait();
    // Gives the awaiter the bridge to resume; what goes on now: nothing, or the bridge.
    [[nodiscard]] virtual std::coroutine_handle<> suspend(std::coroutine_handle<> bridge) = 0;

private:
    class Abandoned;
    struct Bridge;
    static Bridge make_bridge(ForeignWait& wait);
    enum class Phase : unsigned char { starting, waiting, resumed, abandoned };

    void on_resumed() noexcept;  // any thread
    void finish();

    std::atomic<Phase> phase_ = Phase::starting;
    std::shared_ptr<Worker> home_;  // the task's thread
    std::coroutine_handle<> bridge_;
    std::exception_ptr error_;
    // The task's thread's.
    Leaf* leaf_ = nullptr;
    bool is_over_ = true;  // nobody will come any more
    // Of the list of the abandoned.
    ForeignWait *next_ = nullptr, *previous_ = nullptr;
};

template <class Awaitable>
class ForeignWaitFor final : public ForeignWait {
public:
    // A value is kept where it can be moved; what somebody else holds is referred to.
    static constexpr bool is_kept = !std::is_lvalue_reference_v<Awaitable> && std::is_move_constructible_v<Awaitable>;
    using Held = std::conditional_t<is_kept, Awaitable, Awaitable&&>;
    explicit ForeignWaitFor(Awaitable&& awaitable)
        : awaitable_(std::forward<Awaitable>(awaitable)), awaiter_(awaiter_of(std::forward<Held>(awaitable_))) {}
    [[nodiscard]] auto& awaiter() noexcept { return awaiter_; }

private:
    std::coroutine_handle<> suspend(std::coroutine_handle<> bridge) override {
        using Result = decltype(awaiter_.await_suspend(bridge));
        if constexpr (std::is_void_v<Result>) {
            awaiter_.await_suspend(bridge);
            return std::noop_coroutine();
        } else if constexpr (std::is_same_v<Result, bool>) {
            return awaiter_.await_suspend(bridge) ? std::noop_coroutine() : bridge;
        } else {
            return awaiter_.await_suspend(bridge);
        }
    }

    Held awaitable_;
    decltype(awaiter_of(std::declval<Held>())) awaiter_;  // or a reference to it
};

template <class Awaitable>
class Foreign final : public Leaf {
public:
    Foreign(Awaitable&& awaitable, Context* context)
        : foreign_(new ForeignWaitFor<Awaitable>(std::forward<Awaitable>(awaitable))) {
        set_context(context);
    }
    Foreign(Foreign&&) = delete;
    ~Foreign() override {
        if (foreign_) foreign_->release();
    }

    [[nodiscard]] bool await_ready() {
        if (static_cast<bool>(foreign_->awaiter().await_ready())) return true;
        check_cancelled();
        return false;
    }
    bool await_suspend(std::coroutine_handle<> waiting) {
        if (!foreign_->start(*this)) return false;
        check_cancelled();  // by what the awaiter has done
        suspend(waiting);
        return true;
    }
    decltype(auto) await_resume() {
        throw_if_cancelled();
        foreign_->check();
        return foreign_->awaiter().await_resume();
    }
    void on_cancel() override {
        // What can't be kept is in the coroutine that waits: that goes on once the other library is done with it.
        if constexpr (!std::is_lvalue_reference_v<Awaitable> && !ForeignWaitFor<Awaitable>::is_kept &&
                      std::is_same_v<decltype(awaiter_of(std::declval<Awaitable>())), Awaitable&&>)
            return put_off_cancel();
        std::exchange(foreign_, nullptr)->release();
        Leaf::on_cancel();
    }

private:
    ForeignWaitFor<Awaitable>* foreign_;  // null: released
};

}  // namespace proapi::detail
