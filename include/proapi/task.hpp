// Task: a coroutine that returns a T. It starts when it is awaited (or spawned), and co_await rethrows its exceptions.
// The stack does not grow however many tasks a loop awaits, not even in debug builds.
//
//   proapi::Task<int> answer() { co_await proapi::sleep(std::chrono::seconds(1)); co_return 42; }
//   int n = co_await answer();
//
// A task belongs to one thread: that of the reactor on which it was started. It may also await the awaitables of other
// libraries: whichever thread resumes them, the task continues on its own thread (see ExternalOperation).
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
#include "proapi/waiting.hpp"

namespace proapi {

template <class T = void>
class Task;

namespace detail {

struct TaskAccess;

// Awaits an awaiter in place; g++ 12 would copy it.
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

// An operation of this library that an operator co_await returns. It does not move once it has its context.
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

// Throws std::logic_error for a task that can't be awaited or spawned: its coroutine has run, or it has none.
[[noreturn]] void refuse_task(bool has_run);

class PromiseBase {
public:
    struct FinalAwaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            const PromiseBase& promise = ended.promise();
            // The awaiting coroutine is still on the stack below this one and continues by itself.
            if (promise.runs_inline_) return std::noop_coroutine();
            if (promise.task_owner_) return promise.task_owner_->on_done();
            return promise.continuation_ ? promise.continuation_ : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {}; }

    // Passes the context to the awaited operation, or wraps the awaitable in an operation that keeps the context. (The
    // analyzer of clang-tidy does not see that a coroutine constructs its promise.)
    // NOLINTBEGIN(clang-analyzer-core.CallAndMessage)
    template <class Awaitable>
    auto await_transform(Awaitable&& awaitable) const {
        if constexpr (is_task<std::remove_cvref_t<Awaitable>>) {
            static_assert(!std::is_reference_v<Awaitable> && !std::is_const_v<Awaitable>,
                          "a task is awaited once, which uses it up: co_await std::move(task)");
            awaitable.set_context(context_);
            return std::forward<Awaitable>(awaitable).operator co_await();
        } else if constexpr (requires { awaitable.set_context(context_); }) {
            awaitable.set_context(context_);
            return AwaiterRef<std::remove_reference_t<Awaitable>>{awaitable};
        } else if constexpr (requires { get_awaiter(std::forward<Awaitable>(awaitable)).set_context(context_); }) {
            return ConvertedOperation<Awaitable>(std::forward<Awaitable>(awaitable), context_);
        } else {
            return ExternalOperation<Awaitable>(std::forward<Awaitable>(awaitable), context_);
        }
    }
    // NOLINTEND(clang-analyzer-core.CallAndMessage)

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
    template <class U = T>  // the default is for braced lists
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

// Operations on tasks that only the framework may use.
struct TaskAccess {
    // Throws std::logic_error if the task has been awaited, spawned or moved from.
    template <class T>
    static void require_unused(const Task<T>& task) {
        if (!task.coroutine_) [[unlikely]]
            refuse_task(false);
        const PromiseBase& promise = task.coroutine_.promise();
        if (promise.continuation_ || promise.task_owner_) [[unlikely]]
            refuse_task(true);
    }
    // Runs the task on behalf of `task_owner` until it first waits. Calls task_owner.on_done() when the task ends,
    // possibly before this call returns.
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
    // Runs `awaited` until it ends or waits. Returns whether it waits.
    template <class T>
    static bool run_inline(std::coroutine_handle<Promise<T>> awaited, std::coroutine_handle<> awaiting) {
        PromiseBase& promise = awaited.promise();
        promise.continuation_ = awaiting;
        promise.runs_inline_ = true;
        awaited.resume();
        promise.runs_inline_ = false;
        return !awaited.done();
    }
    // The same for a task that the caller keeps.
    template <class T>
    static bool run_until_it_waits(Task<T>& task, std::coroutine_handle<> awaiting) {
        return run_inline(task.coroutine_, awaiting);
    }
    static void set_context(PromiseBase& promise, Context* context) noexcept { promise.context_ = context; }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
    static_assert(!std::is_reference_v<T>, "a task returns a value: Task<T*> or Task<std::reference_wrapper<T>>");

public:
    using promise_type = detail::Promise<T>;
    using value_type = T;

    Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        Task taken(std::move(other));
        std::swap(coroutine_, taken.coroutine_);
        return *this;
    }
    // Destroys the coroutine: a waiting task gives up its operation.
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    // A task is awaited once, as `co_await task()` or `co_await std::move(task)`. Throws std::logic_error for a task
    // that has been awaited or moved from.
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

// A wait for the end of a spawned task.
class TaskEndOperation : public WaitOperation {
public:
    explicit TaskEndOperation(std::shared_ptr<SpawnState> state) noexcept : state_(std::move(state)) {}
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept;
    // Throws what left the task.
    void await_resume() const;

private:
    std::shared_ptr<SpawnState> state_;
};

// The result of a spawned task, from its end until the first join takes it.
template <class T>
using SpawnResult = std::shared_ptr<std::optional<T>>;

// Throws std::logic_error.
[[noreturn]] void refuse_second_join();

template <class T>
class TaskResultOperation final : public TaskEndOperation {
public:
    TaskResultOperation(std::shared_ptr<SpawnState> state, SpawnResult<T> result) noexcept
        : TaskEndOperation(std::move(state)), result_(std::move(result)) {}
    T await_resume() {
        TaskEndOperation::await_resume();
        if (!*result_) refuse_second_join();
        std::optional<T> value;
        value.swap(*result_);
        return std::move(*value);
    }

private:
    SpawnResult<T> result_;
};

}  // namespace detail

// A task that runs alongside the task that spawned it. Dropping the handle leaves the task running. Each call throws
// std::logic_error on a thread other than the task's own, and for a moved-from handle.
class TaskHandle {
public:
    // Makes the operation that the task waits for throw Cancelled. That happens in the loop's next turn, so no code of
    // the task runs within this call. The objects that the task refers to must live until is_done(). Does nothing if
    // the task has ended.
    void cancel() const;
    [[nodiscard]] bool is_done() const;
    // `co_await handle.join()` waits until the task has ended, and throws the exception that left it, which may be
    // Cancelled. Any number of tasks may join, also after the end. Cancelling a join leaves the task running. A failure
    // that a join waits for is not logged. Throws std::logic_error if the task joins itself.
    [[nodiscard]] detail::TaskEndOperation join() const;

    explicit TaskHandle(std::shared_ptr<detail::SpawnState> state) noexcept : state_(std::move(state)) {}

protected:
    [[nodiscard]] const std::shared_ptr<detail::SpawnState>& shared_state(const char* call) const;

private:
    [[nodiscard]] detail::SpawnState& state(const char* call) const;

    std::shared_ptr<detail::SpawnState> state_;
};

// The handle of a spawned Task<T>.
template <class T>
class ResultHandle : public TaskHandle {
public:
    // `co_await handle.join()` returns the task's result, which the first join takes; another one throws
    // std::logic_error. Otherwise as TaskHandle::join(). A result that no join takes is destroyed with the last handle.
    [[nodiscard]] detail::TaskResultOperation<T> join() const {
        return detail::TaskResultOperation<T>(shared_state("ResultHandle::join()"), result_);
    }

    ResultHandle(TaskHandle handle, detail::SpawnResult<T> result) noexcept
        : TaskHandle(std::move(handle)), result_(std::move(result)) {}

private:
    detail::SpawnResult<T> result_;
};

// Runs `task` alongside the caller: at once until it first waits, then whenever its operation completes. The task is
// independent of the connection whose handler started it: after that connection has ended, the task's receives throw,
// while its sends are dropped and return false. An exception that leaves the task is logged, unless a join waits for
// it. When the server stops, the task is cancelled as soon as no handler runs. Throws std::logic_error outside a
// handler or task, and for a task that has run.
//
// Do not pass the task of a lambda with captures: the captures of `spawn([name]() -> Task<> { ... }())` are destroyed
// when the call returns.
TaskHandle spawn(Task<> task);

namespace detail {

template <class T>
Task<> store_result(Task<T> task, SpawnResult<T> result) {
    result->emplace(co_await std::move(task));
}

}  // namespace detail

// The same for a task with a result.
template <class T>
    requires(!std::is_void_v<T>)
ResultHandle<T> spawn(Task<T> task) {
    detail::TaskAccess::require_unused(task);
    auto result = std::make_shared<std::optional<T>>();
    return ResultHandle<T>(spawn(detail::store_result(std::move(task), result)), result);
}

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

// Returns the task of function(arguments...) and keeps the function and the arguments as long as that task lives: a
// coroutine refers to its lambda's captures and does not keep them. Use it for tasks that are collected before they are
// awaited, as for when_all():
//
//   for (int i = 0; i < 3; ++i) tasks.push_back(proapi::make_task([i, name]() -> proapi::Task<> { ... }));
template <class F, class... Args>
    requires detail::TaskFunction<F, Args...>
[[nodiscard]] Task<detail::FunctionResult<F, Args...>> make_task(F function, Args... arguments) {
    auto task = std::invoke(function, std::move(arguments)...);
    co_return co_await std::move(task);
}

// Spawns function(arguments...) and keeps the function and the arguments as long as the task lives:
//
//   proapi::spawn([websocket, name]() -> proapi::Task<> { co_await websocket.send_text(name); });
//
// Returns a TaskHandle, or for a callable that returns a Task<T> a ResultHandle<T>.
template <class F, class... Args>
    requires(!detail::is_task<std::remove_cvref_t<F>>)
auto spawn(F function, Args... arguments) {
    static_assert(detail::TaskFunction<F, Args...>,
                  "spawn() takes a task, or a callable that returns one, and its arguments");
    return spawn(make_task(std::move(function), std::move(arguments)...));
}

namespace detail {

// A function without arguments that runs before or after an application serves.
template <class F>
concept HookFunction =
    std::invocable<F&> && (std::is_void_v<std::invoke_result_t<F&>> || std::same_as<std::invoke_result_t<F&>, Task<>>);

template <HookFunction F>
Task<> run_hook(std::shared_ptr<F> function) {
    if constexpr (TaskFunction<F>) {
        co_await std::invoke(*function);
    } else {
        std::invoke(*function);
    }
    co_return;
}

}  // namespace detail

}  // namespace proapi
