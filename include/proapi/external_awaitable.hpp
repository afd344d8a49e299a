// ExternalOperation: how a task awaits an awaitable of another library, such as an event or the awaiter of a callback.
// The code that resumes it knows nothing of tasks, may run on any thread, and may come when no task waits any more. So
// a resumer stands between the two: a coroutine that this code resumes in place of the task.
//
//   starting ---> waiting ---> resumed       the task continues on its own thread, whichever thread resumed
//       |            |
//       |            +--> abandoned          the task was cancelled or destroyed; the resumer waits for a late
//       |                                    resumption
//       +--> resumed                         before the task has begun to wait
//
// The resumer keeps the awaitable (if it was passed as a value) and its awaiter until it has been resumed. A resumer
// that is never resumed is never freed.
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

// Returns the result of the awaitable's operator co_await, or the awaitable itself if it has none.
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

// One wait, shared by the task and the code that resumes it. The task creates and releases it; it deletes itself once
// both sides are done with it.
class ExternalWait {
public:
    ExternalWait() = default;
    ExternalWait(const ExternalWait&) = delete;
    ExternalWait& operator=(const ExternalWait&) = delete;

    // --- the task's side, on its thread ---
    // Returns false if there is nothing (more) to wait for. Otherwise `operation` is completed later, on this thread.
    [[nodiscard]] bool start(Operation& operation);
    // Rethrows the exception of the awaiter's await_suspend(), if any.
    void check() const;
    // The task does not wait, or has stopped waiting.
    void release() noexcept;

protected:
    virtual ~ExternalWait();
    // Passes the resumer to the awaiter. Returns the coroutine to run now: a no-op coroutine, or the resumer.
    [[nodiscard]] virtual std::coroutine_handle<> suspend(std::coroutine_handle<> resumer) = 0;

private:
    class Abandoned;
    struct Resumer;
    static Resumer make_resumer(ExternalWait& wait);
    enum class Phase : unsigned char { starting, waiting, resumed, abandoned };

    void on_resumed() noexcept;  // any thread
    void finish();

    std::atomic<Phase> phase_ = Phase::starting;
    std::shared_ptr<Worker> worker_;  // the worker of the task's thread
    std::coroutine_handle<> resumer_;
    std::exception_ptr error_;
    // Used on the task's thread only.
    Operation* operation_ = nullptr;
    bool is_over_ = true;  // no resumption is pending
    // Links of the list of abandoned waits.
    ExternalWait *next_ = nullptr, *previous_ = nullptr;
};

template <class Awaitable>
class TypedExternalWait final : public ExternalWait {
public:
    // A value is kept if it can be moved; an object that the caller holds is referred to.
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
        check_cancelled();  // start() ran the awaiter, which may have cancelled this task
        suspend(waiting);
        return true;
    }
    decltype(auto) await_resume() {
        throw_if_cancelled();
        external_->check();
        return external_->awaiter().await_resume();
    }
    void on_cancel() override {
        // An awaitable that can't be kept lives in the waiting coroutine, which therefore continues only after the
        // other library is done with it.
        if constexpr (!std::is_lvalue_reference_v<Awaitable> && !TypedExternalWait<Awaitable>::is_kept &&
                      std::is_same_v<decltype(get_awaiter(std::declval<Awaitable>())), Awaitable&&>)
            return defer_cancel();
        std::exchange(external_, nullptr)->release();
        Operation::on_cancel();
    }

private:
    TypedExternalWait<Awaitable>* external_;  // null after release
};

}  // namespace proapi::detail
