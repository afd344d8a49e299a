// Task: a coroutine that gives a T. It starts when it is awaited (or spawned), its exceptions come out of co_await,
// and however many tasks are awaited in a loop, the stack does not grow, in debug builds neither.
//
//   proapi::Task<int> answer() { co_await proapi::sleep(std::chrono::seconds(1)); co_return 42; }
//   int n = co_await answer();
//
// Tasks belong to one thread: the reactor's on which they were started. They may await what other libraries have made
// for coroutines, too: whichever thread that resumes them on, they go on on their own (see ExternalOperation).
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "proapi/context.hpp"
#include "proapi/external_awaitable.hpp"

namespace proapi {

template <class T = void>
class Task;

namespace detail {

struct TaskAccess;

// Awaits something where it stands; g++ 12 would make a copy of it.
template <class Awaiter>
struct AwaiterRef {
    Awaiter& awaiter;
    [[nodiscard]] bool await_ready() const { return awaiter.await_ready(); }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> waiting) const {
        return awaiter.await_suspend(waiting);
    }
    decltype(auto) await_resume() const { return awaiter.await_resume(); }
};

// One of ours that an operator co_await gives. It does not move once it has its context.
template <class Awaitable>
class ConvertedOperation {
public:
    ConvertedOperation(Awaitable&& awaitable, Context* context)
        : awaiter_(get_awaiter(std::forward<Awaitable>(awaitable))) {
        awaiter_.set_context(context);
    }
    ConvertedOperation(ConvertedOperation&&) = delete;
    [[nodiscard]] bool await_ready() { return awaiter_.await_ready(); }
    auto await_suspend(std::coroutine_handle<> waiting) { return awaiter_.await_suspend(waiting); }
    decltype(auto) await_resume() { return awaiter_.await_resume(); }

private:
    decltype(get_awaiter(std::declval<Awaitable>())) awaiter_;
};

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

// Throws std::logic_error for a task that is awaited or spawned and can't be: its coroutine has run, or it has none.
[[noreturn]] void refuse_task(bool has_run);

class PromiseBase {
public:
    struct FinalAwaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            const PromiseBase& promise = ended.promise();
            // The awaiting coroutine is still on the stack, below us: it goes on by itself.
            if (promise.runs_inline_) return std::noop_coroutine();
            if (promise.task_owner_) return promise.task_owner_->on_done();
            return promise.continuation_ ? promise.continuation_ : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {}; }

    // Whatever is awaited learns on whose behalf, or is waited for in a way that remembers it.
    template <class Awaitable>
    auto await_transform(Awaitable&& awaitable) const {
        if constexpr (is_task<std::remove_cvref_t<Awaitable>>) {
            static_assert(!std::is_reference_v<Awaitable> && !std::is_const_v<Awaitable>,
                          "a task is awaited once, which uses it up: co_await std::move(task)");
            awaitable.set_context(context_);
            return std::move(awaitable).operator co_await();
        } else if constexpr (requires { awaitable.set_context(context_); }) {
            awaitable.set_context(context_);
            return AwaiterRef<std::remove_reference_t<Awaitable>>{awaitable};
        } else if constexpr (requires { get_awaiter(std::forward<Awaitable>(awaitable)).set_context(context_); }) {
            return ConvertedOperation<Awaitable>(std::forward<Awaitable>(awaitable), context_);
        } else {
            return ExternalOperation<Awaitable>(std::forward<Awaitable>(awaitable), context_);
        }
    }

private:
    friend struct TaskAccess;
    std::coroutine_handle<> continuation_;
    Context* context_ = nullptr;
    TaskOwner* task_owner_ = nullptr;
    bool runs_inline_ = false;
};

template <class T>
class Promise final : public PromiseBase {
public:
    Task<T> get_return_object() noexcept;
    template <class U = T>  // the default is for lists in braces
        requires std::is_convertible_v<U&&, T>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }
    [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }
    T take() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
    std::exception_ptr error_;
};

template <>
class Promise<void> final : public PromiseBase {
public:
    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { error_ = std::current_exception(); }
    [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }
    void take() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    std::exception_ptr error_;
};

// What the framework may do with a task beyond awaiting it.
struct TaskAccess {
    // Throws std::logic_error for a task that has been awaited or spawned, or was moved from.
    template <class T>
    static void require_unused(const Task<T>& task) {
        if (!task.coroutine_) [[unlikely]]
            refuse_task(false);
        const PromiseBase& promise = task.coroutine_.promise();
        if (promise.continuation_ || promise.task_owner_) [[unlikely]]
            refuse_task(true);
    }
    // Runs the task on behalf of `task_owner` until it first waits. task_owner.on_done() is called at its end, maybe
    // within.
    template <class T>
    static void start(Task<T>& task, TaskOwner& task_owner) {
        PromiseBase& promise = task.coroutine_.promise();
        promise.context_ = &task_owner.context();
        promise.task_owner_ = &task_owner;
        const Context::Scope scope(&task_owner.context());
        task.coroutine_.resume();
    }
    template <class T>
    [[nodiscard]] static std::exception_ptr error(const Task<T>& task) noexcept {
        return task.coroutine_.promise().error();
    }
    template <class T>
    static T take(Task<T>& task) {
        return task.coroutine_.promise().take();
    }
    // Runs `awaited` until it ends or waits; whether it waits.
    template <class T>
    static bool run_inline(std::coroutine_handle<Promise<T>> awaited, std::coroutine_handle<> awaiting) {
        PromiseBase& promise = awaited.promise();
        promise.continuation_ = awaiting;
        promise.runs_inline_ = true;
        awaited.resume();
        promise.runs_inline_ = false;
        return !awaited.done();
    }
    // The same with a task that is kept.
    template <class T>
    static bool run_until_it_waits(Task<T>& task, std::coroutine_handle<> awaiting) {
        return run_inline(task.coroutine_, awaiting);
    }
    static void set_context(PromiseBase& promise, Context* context) noexcept { promise.context_ = context; }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
    static_assert(!std::is_reference_v<T>, "a task gives a value: Task<T*> or Task<std::reference_wrapper<T>>");

public:
    using promise_type = detail::Promise<T>;
    using value_type = T;

    Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        Task taken(std::move(other));
        std::swap(coroutine_, taken.coroutine_);
        return *this;
    }
    // Destroys the coroutine: a task that still waits gives up what it waits for.
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    // Awaited once, as `co_await task()` or `co_await std::move(task)`. Throws std::logic_error for a task that has
    // been awaited or was moved from.
    auto operator co_await() && {
        detail::TaskAccess::require_unused(*this);
        struct Awaiter {
            std::coroutine_handle<promise_type> coroutine;
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            bool await_suspend(std::coroutine_handle<> awaiting) const {
                return detail::TaskAccess::run_inline(coroutine, awaiting);
            }
            T await_resume() const { return coroutine.promise().take(); }
        };
        return Awaiter{coroutine_};
    }

    // Called by the promise of the coroutine that awaits it.
    void set_context(detail::Context* context) {
        detail::TaskAccess::require_unused(*this);
        detail::TaskAccess::set_context(coroutine_.promise(), context);
    }

private:
    friend struct detail::TaskAccess;
    friend promise_type;
    explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
    return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

namespace detail {
struct SpawnState;
}

// A task that runs beside the one that spawned it. Dropping the handle leaves it running. Each call throws
// std::logic_error on another thread than the task's own, and for a handle that was moved from.
class TaskHandle {
public:
    // Makes what it waits for throw Cancelled: in the loop's next turn, so that nothing of it runs within this call.
    // What the task refers to must be there until is_done(). On a task that has ended it does nothing.
    void cancel() const;
    [[nodiscard]] bool is_done() const;

    explicit TaskHandle(std::shared_ptr<detail::SpawnState> state) noexcept : state_(std::move(state)) {}

private:
    [[nodiscard]] detail::SpawnState& state(const char* call) const;

    std::shared_ptr<detail::SpawnState> state_;
};

// Runs `task` beside its caller: at once until it first waits, then whenever that is over. It lives as long as it runs,
// whatever becomes of the connection whose handler started it: that connection's end is raised by what it receives,
// while its sends are dropped and give false. An exception that leaves it is logged. When the server stops, it is
// cancelled as soon as no handler runs. Throws std::logic_error outside of a handler or task, and for a task that has
// run.
//
// Not for a lambda that captures: the captures of `spawn([name]() -> Task<> { ... }())` are gone when the call returns.
TaskHandle spawn(Task<> task);

namespace detail {

template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
    using type = T;
};

template <class F, class... Args>
concept TaskFunction = std::invocable<F&, Args...> && is_task<std::invoke_result_t<F&, Args...>>;
template <class F, class... Args>
using FunctionResult = typename TaskValue<std::invoke_result_t<F&, Args...>>::type;

}  // namespace detail

// The task that function(arguments...) returns, with the function and the arguments kept for as long as it lives: a
// coroutine refers to its lambda's captures and does not keep them. For tasks that are collected before they are
// awaited, as for when_all():
//
//   for (int i = 0; i < 3; ++i) tasks.push_back(proapi::make_task([i, name]() -> proapi::Task<> { ... }));
template <class F, class... Args>
    requires detail::TaskFunction<F, Args...>
[[nodiscard]] Task<detail::FunctionResult<F, Args...>> make_task(F function, Args... arguments) {
    auto task = std::invoke(function, std::move(arguments)...);
    co_return co_await std::move(task);
}

// spawn() of function(arguments...), which are kept for as long as the task lives:
//
//   proapi::spawn([websocket, name]() -> proapi::Task<> { co_await websocket.send_text(name); });
template <class F, class... Args>
    requires(!detail::is_task<std::remove_cvref_t<F>>)
TaskHandle spawn(F function, Args... arguments) {
    static_assert(detail::TaskFunction<F, Args...>,
                  "spawn() takes a Task<>, or a callable that returns one, and its arguments");
    return spawn(make_task(std::move(function), std::move(arguments)...));
}

}  // namespace proapi
