// Event: a flag that tasks wait for, such as "the cache is filled" or "stop".
//
//   proapi::Event ready;
//   app.background([ready]() -> proapi::Task<> { co_await fill_cache(); ready.set(); });
//   app.get("/", [ready]() -> proapi::Task<std::string> { co_await ready.wait(); co_return page(); });
//
// An Event belongs to one thread: that of the worker whose task first uses it, until that worker ends. Across threads,
// and with workers=N, use a Completion (completion.hpp), which any thread may set.
#pragma once

#include <memory>

#include "proapi/waiting.hpp"

namespace proapi {

namespace detail {

struct EventState {
    WorkerBinding binding;
    bool is_set = false;
    WaitList waiting;
};

class EventOperation final : public WaitOperation {
public:
    explicit EventOperation(std::shared_ptr<EventState> state) noexcept : state_(std::move(state)) {}
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept { suspend_in(state_->waiting, waiting); }
    void await_resume() const { throw_if_cancelled(); }

private:
    std::shared_ptr<EventState> state_;
};

}  // namespace detail

// Copies share one event. They may be made, moved and destroyed on any thread. Each call throws std::logic_error for a
// moved-from event and, once a task has used the event, on any thread but that task's.
class Event {
public:
    // Not set. Any thread, also before the application runs.
    Event() : state_(std::make_shared<detail::EventState>()) {}

    // Wakes all tasks that wait now, in the order in which they began to wait: soon, from the loop, so that no
    // code of theirs runs within this call. Later waits return at once, until clear().
    void set() const;
    // Tasks that set() has woken are not affected.
    void clear() const;
    [[nodiscard]] bool is_set() const;
    // `co_await event.wait()` returns at once if the event is set. Any number of tasks may wait. A wait can be
    // cancelled and can time out.
    [[nodiscard]] detail::EventOperation wait() const;

private:
    // Throws std::logic_error.
    [[nodiscard]] const std::shared_ptr<detail::EventState>& state(const char* call) const;

    std::shared_ptr<detail::EventState> state_;
};

}  // namespace proapi
