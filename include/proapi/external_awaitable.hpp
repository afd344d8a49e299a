// ExternalOperation: how a task awaits what is not the library's, such as another library's event or a callback's
// awaiter. That is resumed by code which knows nothing of tasks, on any thread, maybe when nobody waits any more. So
// between the two stands a resumer, a coroutine which that code resumes in the task's place:
//
//   starting ---> waiting ---> resumed       the task goes on: on its own thread, whichever one that was
//       |            |
//       |            +--> abandoned          the task was cancelled, or taken away; the resumer waits for who comes
//       late
//       +--> resumed                         before the task has begun to wait
//
// The resumer keeps the awaitable (if it was given as a value) and its awaiter until it has been resumed: what never is
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
decltype(auto) get_awaiter(Awaitable&& awaitable) {
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
class ExternalWait {
public:
    ExternalWait() = default;
    ExternalWait(const ExternalWait&) = delete;
    ExternalWait& operator=(const ExternalWait&) = delete;

    // --- the task's side, on its thread ---
    // False where there is nothing to wait for (any more). Else `operation` is completed later, on this thread.
    [[nodiscard]] bool start(Operation& operation);
    // Throws what the awaiter has thrown when it was to suspend.
    void check() const;
    // The task does not wait (any more).
    void release() noexcept;

protected:
    virtual ~ExternalWait();
    // Gives the awaiter the resumer to resume; what goes on now: nothing, or the resumer.
    [[nodiscard]] virtual std::coroutine_handle<> suspend(std::coroutine_handle<> resumer) = 0;

private:
    class Abandoned;
    struct Resumer;
    static Resumer make_resumer(ExternalWait& wait);
    enum class Phase : unsigned char { starting, waiting, resumed, abandoned };

    void on_resumed() noexcept;  // any thread
    void finish();

    std::atomic<Phase> phase_ = Phase::starting;
    std::shared_ptr<Worker> worker_;  // the task's thread
    std::coroutine_handle<> resumer_;
    std::exception_ptr error_;
    // The task's thread's.
    Operation* operation_ = nullptr;
    bool is_over_ = true;  // nobody will come any more
    // Of the list of the abandoned.
    ExternalWait *next_ = nullptr, *previous_ = nullptr;
};

template <class Awaitable>
class TypedExternalWait final : public ExternalWait {
public:
    // A value is kept where it can be moved; what somebody else holds is referred to.
    static constexpr bool is_kept = !std::is_lvalue_reference_v<Awaitable> && std::is_move_constructible_v<Awaitable>;
    using Held = std::conditional_t<is_kept, Awaitable, Awaitable&&>;
    explicit TypedExternalWait(Awaitable&& awaitable)
        : awaitable_(std::forward<Awaitable>(awaitable)), awaiter_(get_awaiter(std::forward<Held>(awaitable_))) {}
    [[nodiscard]] auto& awaiter() noexcept { return awaiter_; }

private:
    std::coroutine_handle<> suspend(std::coroutine_handle<> resumer) override {
        using Result = decltype(awaiter_.await_suspend(resumer));
        if constexpr (std::is_void_v<Result>) {
            awaiter_.await_suspend(resumer);
            return std::noop_coroutine();
        } else if constexpr (std::is_same_v<Result, bool>) {
            return awaiter_.await_suspend(resumer) ? std::noop_coroutine() : resumer;
        } else {
            return awaiter_.await_suspend(resumer);
        }
    }

    Held awaitable_;
    decltype(get_awaiter(std::declval<Held>())) awaiter_;  // or a reference to it
};

template <class Awaitable>
class ExternalOperation final : public Operation {
public:
    ExternalOperation(Awaitable&& awaitable, Context* context)
        : external_(new TypedExternalWait<Awaitable>(std::forward<Awaitable>(awaitable))) {
        set_context(context);
    }
    ExternalOperation(ExternalOperation&&) = delete;
    ~ExternalOperation() override {
        if (external_) external_->release();
    }

    [[nodiscard]] bool await_ready() {
        if (static_cast<bool>(external_->awaiter().await_ready())) return true;
        check_cancelled();
        return false;
    }
    bool await_suspend(std::coroutine_handle<> waiting) {
        if (!external_->start(*this)) return false;
        check_cancelled();  // by what the awaiter has done
        suspend(waiting);
        return true;
    }
    decltype(auto) await_resume() {
        throw_if_cancelled();
        external_->check();
        return external_->awaiter().await_resume();
    }
    void on_cancel() override {
        // What can't be kept is in the coroutine that waits: that goes on once the other library is done with it.
        if constexpr (!std::is_lvalue_reference_v<Awaitable> && !TypedExternalWait<Awaitable>::is_kept &&
                      std::is_same_v<decltype(get_awaiter(std::declval<Awaitable>())), Awaitable&&>)
            return put_off_cancel();
        std::exchange(external_, nullptr)->release();
        Operation::on_cancel();
    }

private:
    TypedExternalWait<Awaitable>* external_;  // null: released
};

}  // namespace proapi::detail
