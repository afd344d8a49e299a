// What stands under the coroutines: a Context for each line of execution, and Operation, the operations in which one
// can be suspended. A coroutine is cancelled through its Context: the operation that is under way throws Cancelled.
// Applications meet neither; they are here because Task is a template. One thread, the connection's reactor.
#pragma once

#include <coroutine>
#include <memory>

#include "proapi/connection_ref.hpp"

namespace proapi::detail {

class Operation;

// A handler, a spawned task, or a child of when_all() or wait_for(), with all the coroutines that it awaits.
class Context {
public:
    explicit Context(ConnectionRef owner) noexcept;
    // Of the same owner as the context that runs now; of none where none does.
    Context();
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // The one that this thread runs now; null outside of any.
    [[nodiscard]] static Context* current() noexcept;

    // Makes the operation under way throw Cancelled; where none is, the next one that would wait.
    void cancel();
    // cancel() comes soon: the operation under way gives up what others may want before.
    void let_go() noexcept;
    // `waiting` does nothing but wait for this one, which is told of its connection's end on behalf of both.
    void follow(Context* waiting) noexcept { followed_ = waiting; }
    // It has been told of its connection's end, by what it awaits.
    void mark_end_seen() noexcept {
        for (Context* context = this; context; context = context->followed_) context->has_seen_end_ = true;
    }
    [[nodiscard]] bool has_seen_end() const noexcept { return has_seen_end_; }
    [[nodiscard]] const ConnectionState* owner() const noexcept { return owner_.get(); }
    [[nodiscard]] const ConnectionRef& owner_ref() const noexcept { return owner_; }

    // Makes `context` the current one for as long as this object lives.
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

// Something that calls Operation::complete() once, unless it is destroyed before: a timer, a waiter's place in a list.
class WakeUp {
public:
    WakeUp() = default;
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;
    virtual ~WakeUp() = default;
};

// An operation that a coroutine waits for: the base of all awaitables that are no coroutines themselves. It may be
// moved until it is awaited.
class Operation {
public:
    Operation() noexcept = default;
    Operation(Operation&&) noexcept {}  // before it is awaited, there is nothing to move
    Operation& operator=(Operation&&) = delete;
    virtual ~Operation();

    // Called by the promise of the coroutine that awaits it.
    void set_context(Context* context) noexcept { context_ = context; }
    // Resumes the coroutine. The operation may be gone afterwards.
    void complete();
    // The context is cancelled while the coroutine waits.
    virtual void on_cancel();
    // That comes soon: as Context::let_go().
    virtual void let_go() noexcept {}

protected:
    // Before waiting: throws Cancelled where the context was cancelled meanwhile.
    void check_cancelled();
    void suspend(std::coroutine_handle<> waiting) noexcept;
    // For operations that can't be cancelled: the next one is.
    void put_off_cancel() noexcept {
        if (context_) context_->cancel_requested_ = true;
    }
    // After waiting: throws Cancelled where that is why it ended.
    void throw_if_cancelled() const;
    [[nodiscard]] bool is_waiting() const noexcept { return static_cast<bool>(waiting_); }
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    [[nodiscard]] Context* context() const noexcept { return context_; }
    // The coroutine to go on with, for symmetric transfer; ends the waiting and makes its context the current one.
    [[nodiscard]] std::coroutine_handle<> take_waiting() noexcept;
    void mark_cancelled() noexcept { cancelled_ = true; }

    std::unique_ptr<WakeUp> wake_up_;  // what will call complete(), where that is an object of its own

private:
    std::coroutine_handle<> waiting_;
    Context* context_ = nullptr;
    bool cancelled_ = false;
};

// A line of execution that ends: told by the last of its coroutines.
class TaskOwner {
public:
    TaskOwner() = default;
    explicit TaskOwner(ConnectionRef owner) noexcept : context_(std::move(owner)) {}
    // The task has ended; gives what to go on with. May destroy the task and its owner.
    virtual std::coroutine_handle<> on_done() noexcept = 0;
    [[nodiscard]] Context& context() noexcept { return context_; }
    [[nodiscard]] const Context& context() const noexcept { return context_; }

protected:
    ~TaskOwner() = default;

private:
    Context context_;
};

}  // namespace proapi::detail
