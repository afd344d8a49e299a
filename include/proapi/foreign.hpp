// Foreign: how a task awaits what is not the library's, such as another library's event or a callback's awaiter. It is
// resumed by code that knows nothing of contexts: between the two stands a Bridge, a coroutine which that code resumes
// in the task's place, and which resumes the task as each of our own operations does.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "proapi/context.hpp"

namespace proapi::detail {

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

class Bridge {
public:
    struct promise_type {
        struct Over {
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            // Resumes the task, which may destroy the bridge.
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                ended.promise().leaf.complete();
            }
            void await_resume() const noexcept {}
        };

        template <class Awaiter>
        promise_type(Leaf& waiting, Awaiter&) noexcept : leaf(waiting) {}
        Bridge get_return_object() noexcept { return Bridge(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Over final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { error = std::current_exception(); }

        Leaf& leaf;
        std::exception_ptr error;
    };

    Bridge() noexcept = default;
    Bridge& operator=(Bridge&& other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    ~Bridge() {
        if (coroutine_) coroutine_.destroy();
    }

    // Gives the awaiter the bridge to resume; whether it wants to.
    [[nodiscard]] bool start() const {
        coroutine_.resume();
        return !coroutine_.done();
    }
    // Throws what the awaiter has thrown when it was to suspend.
    void check() const {
        if (coroutine_ && coroutine_.promise().error) std::rethrow_exception(coroutine_.promise().error);
    }

private:
    explicit Bridge(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

// The middle of three: whether it is ready and what it gives is asked by the task itself.
template <class Awaiter>
struct Suspending {
    Awaiter& awaiter;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    decltype(auto) await_suspend(std::coroutine_handle<Promise> waiting) const
        noexcept(noexcept(awaiter.await_suspend(waiting))) {
        return awaiter.await_suspend(waiting);
    }
    void await_resume() const noexcept {}
};

template <class Awaiter>
Bridge make_bridge(Leaf&, Awaiter& awaiter) {
    co_await Suspending<Awaiter>{awaiter};
}

template <class Awaitable>
class Foreign final : public Leaf {
public:
    Foreign(Awaitable&& awaitable, Context* context) : awaiter_(awaiter_of(std::forward<Awaitable>(awaitable))) {
        set_context(context);
    }
    Foreign(Foreign&&) = delete;

    [[nodiscard]] bool await_ready() noexcept(noexcept(static_cast<bool>(awaiter_.await_ready()))) {
        return static_cast<bool>(awaiter_.await_ready());
    }
    bool await_suspend(std::coroutine_handle<> waiting) {
        bridge_ = make_bridge(*this, awaiter_);
        if (!bridge_.start()) return false;
        suspend(waiting);
        return true;
    }
    decltype(auto) await_resume() {
        bridge_.check();
        return awaiter_.await_resume();
    }
    void on_cancel() override { put_off_cancel(); }

private:
    decltype(awaiter_of(std::declval<Awaitable>())) awaiter_;  // or a reference to it
    Bridge bridge_;
};

}  // namespace proapi::detail
