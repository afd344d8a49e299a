// The layer below the coroutines: a Context for each line of execution, and Operation, the base of everything that can
// suspend one. A coroutine is cancelled through its Context: the pending operation throws Cancelled. Applications use
// neither; both are public only because Task is a template. All of this runs on one thread, that of the connection's
// reactor.
#pragma once

#include <coroutine>
#include <memory>

#include "proapi/connection_ref.hpp"

namespace proapi::detail {

class Operation;

// A handler, a spawned task, or a child of when_all() or wait_for(), together with all coroutines that it awaits.
class Context {
public:
    explicit Context(ConnectionRef owner) noexcept;
    // Takes the owner of the current context; has no owner if there is no current context.
    Context();
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // The context that this thread is running; null if there is none.
    [[nodiscard]] static Context* current() noexcept;

    // Makes the pending operation throw Cancelled; if none is pending, the next operation that would wait throws.
    void cancel();
    // Announces that cancel() follows soon: the pending operation now gives up what another task may want, such as its
    // place as receiver.
    void prepare_cancel() noexcept;
    // `waiting` does nothing but wait for this context. When this context learns that its connection has ended,
    // `waiting` counts as informed too.
    void follow(Context* waiting) noexcept { followed_ = waiting; }
    // Records that an operation of this context has reported the end of its connection.
    void mark_end_seen() noexcept {
        for (Context* context = this; context; context = context->followed_) context->has_seen_end_ = true;
    }
    [[nodiscard]] bool has_seen_end() const noexcept { return has_seen_end_; }
    [[nodiscard]] const ConnectionState* owner() const noexcept { return owner_.get(); }
    [[nodiscard]] const ConnectionRef& owner_ref() const noexcept { return owner_; }

    // Makes `context` the current context for the lifetime of this object.
    class Scope {
    public:
        explicit Scope(Context* context) noexcept;
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Context* previous_;
    };

private:
    friend class Operation;
    ConnectionRef owner_;
    Operation* pending_ = nullptr;
    Context* followed_ = nullptr;
    bool cancel_requested_ = false, has_seen_end_ = false;
};

// Calls Operation::complete() once unless it is destroyed first: a timer, or a waiter's place in a list.
class WakeUp {
public:
    WakeUp() = default;
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;
    virtual ~WakeUp() = default;
};

// An operation that a coroutine waits for: the base of all awaitables that are not coroutines. It may be moved until it
// is awaited.
class Operation {
public:
    Operation() noexcept = default;
    Operation(Operation&&) noexcept {}  // nothing to move before it is awaited
    Operation& operator=(Operation&&) = delete;
    virtual ~Operation();

    // Called by the promise of the coroutine that awaits it.
    void set_context(Context* context) noexcept { context_ = context; }
    // Resumes the coroutine, which may destroy the operation.
    void complete();
    // Called when the context is cancelled while the coroutine waits.
    virtual void on_cancel();
    // Called when a cancellation follows soon: see Context::prepare_cancel().
    virtual void prepare_cancel() noexcept {}

protected:
    // Call before waiting. Throws Cancelled if the context was cancelled in the meantime.
    void check_cancelled();
    void suspend(std::coroutine_handle<> waiting) noexcept;
    // For operations that can't be cancelled: cancels the next operation instead.
    void defer_cancel() noexcept {
        if (context_) context_->cancel_requested_ = true;
    }
    // Call after waiting. Throws Cancelled if the wait ended by cancellation.
    void throw_if_cancelled() const;
    [[nodiscard]] bool is_waiting() const noexcept { return static_cast<bool>(waiting_); }
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    [[nodiscard]] Context* context() const noexcept { return context_; }
    // Returns the coroutine to resume, for symmetric transfer. Ends the wait and makes the coroutine's context current.
    [[nodiscard]] std::coroutine_handle<> take_waiting() noexcept;
    void mark_cancelled() noexcept { cancelled_ = true; }

    std::unique_ptr<WakeUp> wake_up_;  // calls complete(), if that takes an object of its own

private:
    std::coroutine_handle<> waiting_;
    Context* context_ = nullptr;
    bool cancelled_ = false;
};

// The owner of a line of execution. The last coroutine of that line calls on_done().
class TaskOwner {
public:
    TaskOwner() = default;
    explicit TaskOwner(ConnectionRef owner) noexcept : context_(std::move(owner)) {}
    // The task has ended. Returns the coroutine to resume next. May destroy the task and its owner.
    virtual std::coroutine_handle<> on_done() noexcept = 0;
    [[nodiscard]] Context& context() noexcept { return context_; }
    [[nodiscard]] const Context& context() const noexcept { return context_; }

protected:
    ~TaskOwner() = default;

private:
    Context context_;
};

}  // namespace proapi::detail
