// Waiting for several operations, or for a limited time: sleep, wait_for, when_all, when_any. A child that is no longer
// needed is cancelled and then awaited, so that no child outlives the call.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include "proapi/errors.hpp"
#include "proapi/task.hpp"

namespace proapi {

namespace detail {

class SleepOperation final : public Operation {
public:
    explicit SleepOperation(std::chrono::milliseconds duration) noexcept : duration_(duration) {}
    [[nodiscard]] bool await_ready() {
        check_cancelled();
        return false;
    }
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const { throw_if_cancelled(); }

private:
    std::chrono::milliseconds duration_;
};

class JoinOperation;

// A child task of a JoinOperation.
class ChildBase : public TaskOwner {
public:
    explicit ChildBase(JoinOperation& join) noexcept : join_(join) {}
    std::coroutine_handle<> on_done() noexcept final;
    virtual void start() = 0;
    [[nodiscard]] virtual std::exception_ptr error() const noexcept = 0;
    // Whether the child ended with Cancelled.
    [[nodiscard]] bool was_cancelled() const noexcept;
    [[nodiscard]] bool is_running() const noexcept { return started_ && !done_; }
    [[nodiscard]] bool is_done() const noexcept { return done_; }

protected:
    ~ChildBase() = default;

private:
    friend class JoinOperation;
    JoinOperation& join_;
    bool started_ = false, done_ = false;
};

template <class T>
class Child final : public ChildBase {
public:
    // Throws std::logic_error if the task has already run.
    Child(JoinOperation& join, Task<T> task) : ChildBase(join), task_(std::move(task)) {
        TaskAccess::require_unused(task_);
    }
    void start() override { TaskAccess::start(task_, *this); }
    [[nodiscard]] std::exception_ptr error() const noexcept override { return TaskAccess::error(task_); }
    T take() { return TaskAccess::take(task_); }

private:
    Task<T> task_;
};

// Runs children and waits for all of them. Children are added before the operation is awaited, and must live until it
// has completed.
class JoinOperation final : public Operation {
public:
    // When to cancel the remaining children: after the first failure, or as soon as any child has ended.
    enum class Until : std::uint8_t { first_error, first_end };
    explicit JoinOperation(Until until) noexcept : until_(until) {}
    ~JoinOperation() override { wake_up_.reset(); }

    void add(ChildBase& child) { children_.push_back(&child); }
    // Cancels the children after this time.
    void set_timeout(std::chrono::milliseconds timeout) noexcept { timeout_ = timeout; }
    [[nodiscard]] bool has_timed_out() const noexcept { return timed_out_; }
    // The first child that ended (Until::first_end) or failed (Until::first_error); null if there is none.
    [[nodiscard]] ChildBase* decisive() const noexcept { return decisive_; }

    [[nodiscard]] bool await_ready() {
        check_cancelled();
        return children_.empty();
    }
    bool await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const;

    void on_cancel() override;
    void prepare_cancel() noexcept override;
    void on_timeout();
    [[nodiscard]] std::coroutine_handle<> on_child_done(ChildBase& child) noexcept;

private:
    void cancel_children() noexcept;
    void resume_if_over();

    std::vector<ChildBase*> children_;
    ChildBase* decisive_ = nullptr;
    std::size_t running_ = 0;
    std::chrono::milliseconds timeout_{-1};
    Until until_;
    bool timed_out_ = false, stopping_ = false;
    int busy_ = 0;  // loops over children on the stack: a child that ends in one does not resume the waiting coroutine
};

template <class A>
struct AwaitResult {
    using type = decltype(get_awaiter(std::declval<A>()).await_resume());
};
template <class T>
struct AwaitResult<Task<T>> {
    using type = T;
};
template <TaskFunction F>
struct AwaitResult<F> {
    using type = FunctionResult<F>;
};

template <class A>
Task<typename AwaitResult<A>::type> as_task(A awaitable) {
    co_return co_await std::move(awaitable);
}
template <class T>
Task<T> as_task(Task<T> task) {
    return task;
}
template <TaskFunction F>
Task<FunctionResult<F>> as_task(F function) {
    return make_task(std::move(function));
}
template <TaskFunction F>
[[nodiscard]] std::vector<Task<FunctionResult<F>>> as_tasks(std::vector<F> functions) {
    std::vector<Task<FunctionResult<F>>> tasks;
    tasks.reserve(functions.size());
    for (F& function : functions) tasks.push_back(make_task(std::move(function)));
    return tasks;
}
template <class T>
inline constexpr bool is_task_or_function = is_task<T> || TaskFunction<T>;

template <class T>
using StoredResult = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
StoredResult<T> take_result(Child<T>& child) {
    if constexpr (std::is_void_v<T>) {
        child.take();
        return {};
    } else {
        return child.take();
    }
}

template <class T>
Task<T> wait_for_task(Task<T> task, std::chrono::milliseconds timeout) {
    JoinOperation join(JoinOperation::Until::first_error);
    Child<T> child(join, std::move(task));
    join.add(child);
    child.context().follow(Context::current());
    join.set_timeout(timeout);
    co_await join;
    if (join.has_timed_out() && child.was_cancelled()) throw TimeoutError();
    co_return child.take();
}

// A thousand years, which stands for no limit. Timers can represent it, and so can every unit of std::chrono; a longer
// duration, such as hours::max(), may not fit in milliseconds.
inline constexpr std::chrono::milliseconds longest_wait = std::chrono::hours(24 * 365'000);

// Rounds up to whole milliseconds, so a wait is never shorter than requested; limits the result to longest_wait.
template <class Rep, class Period>
[[nodiscard]] constexpr std::chrono::milliseconds in_milliseconds(
    std::chrono::duration<Rep, Period> duration) noexcept {
    const std::chrono::duration<double> seconds = duration;  // a double has the range for every duration
    if (!(seconds.count() > 0)) return std::chrono::milliseconds(0);
    if (seconds >= longest_wait) return longest_wait;
    return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

}  // namespace detail

// Waits for `duration` (hours::max(): until cancelled), and for at least one turn of the loop, so that other tasks can
// run.
template <class Rep, class Period>
[[nodiscard]] detail::SleepOperation sleep(std::chrono::duration<Rep, Period> duration) noexcept {
    return detail::SleepOperation(detail::in_milliseconds(duration));
}

// Returns the result of `awaitable`: a Task, a callable that returns one (the callable is kept), or an operation such
// as websocket.receive_text(). After `timeout` the operation is cancelled and TimeoutError is thrown. A cancelled
// receive loses no message; a cancelled send neither loses nor repeats its message. A result that is available at once
// is returned even with a timeout of 0; hours::max() means no limit. Not thread-safe.
template <class A, class Rep, class Period>
[[nodiscard]] Task<typename detail::AwaitResult<A>::type> wait_for(A awaitable,
                                                                   std::chrono::duration<Rep, Period> timeout) {
    return detail::wait_for_task(detail::as_task(std::move(awaitable)), detail::in_milliseconds(timeout));
}

// Runs all tasks and returns their results as a tuple, with std::monostate for each Task<>. If one fails, the others
// are cancelled; after all have ended, the exception of the first failure is thrown.
template <class... Ts>
[[nodiscard]] Task<std::tuple<detail::StoredResult<Ts>...>> when_all(Task<Ts>... tasks) {
    detail::JoinOperation join(detail::JoinOperation::Until::first_error);
    std::tuple<std::optional<detail::Child<Ts>>...> children;
    std::apply([&](auto&... each) { (join.add(each.emplace(join, std::move(tasks))), ...); }, children);
    co_await join;
    if (join.decisive()) std::rethrow_exception(join.decisive()->error());
    co_return std::apply(
        [](auto&... each) { return std::tuple<detail::StoredResult<Ts>...>{detail::take_result(*each)...}; }, children);
}

// The same for callables that return tasks. The callables are kept until their tasks have ended.
template <class... As>
    requires((detail::is_task_or_function<As> && ...) && (detail::TaskFunction<As> || ...))
[[nodiscard]] auto when_all(As... each) {
    return when_all(detail::as_task(std::move(each))...);
}

// The same for any number of tasks of one type. Returns a vector of results, or nothing for Task<>.
template <class T>
[[nodiscard]] Task<std::conditional_t<std::is_void_v<T>, void, std::vector<detail::StoredResult<T>>>> when_all(
    std::vector<Task<T>> tasks) {
    detail::JoinOperation join(detail::JoinOperation::Until::first_error);
    std::list<detail::Child<T>> children;
    for (Task<T>& task : tasks) join.add(children.emplace_back(join, std::move(task)));
    co_await join;
    if (join.decisive()) std::rethrow_exception(join.decisive()->error());
    if constexpr (!std::is_void_v<T>) {
        std::vector<T> results;
        results.reserve(children.size());
        for (detail::Child<T>& child : children) results.push_back(child.take());
        co_return results;
    }
}

template <detail::TaskFunction F>
[[nodiscard]] auto when_all(std::vector<F> functions) {
    return when_all(detail::as_tasks(std::move(functions)));
}

// Runs all tasks until one ends, cancels the others, and returns the index of that task and its result, or throws its
// exception. Throws std::invalid_argument if `tasks` is empty.
template <class T>
[[nodiscard]] Task<std::pair<std::size_t, detail::StoredResult<T>>> when_any(std::vector<Task<T>> tasks) {
    if (tasks.empty()) throw std::invalid_argument("when_any(): expected at least one task, got none");
    detail::JoinOperation join(detail::JoinOperation::Until::first_end);
    std::list<detail::Child<T>> children;
    for (Task<T>& task : tasks) join.add(children.emplace_back(join, std::move(task)));
    co_await join;
    std::size_t index = 0;
    for (detail::Child<T>& child : children) {
        if (&child == join.decisive())
            co_return std::pair<std::size_t, detail::StoredResult<T>>(index, detail::take_result(child));
        ++index;
    }
    throw Cancelled();  // not reached: a completed join has a decisive child
}
template <detail::TaskFunction F>
[[nodiscard]] auto when_any(std::vector<F> functions) {
    return when_any(detail::as_tasks(std::move(functions)));
}

namespace detail {

// Runs `children` and returns the result of the first that ended, as the alternative of its index.
template <class... Ts>
Task<std::variant<StoredResult<Ts>...>> first_of(Task<Ts>... tasks) {
    JoinOperation join(JoinOperation::Until::first_end);
    std::tuple<std::optional<Child<Ts>>...> children;
    std::apply([&](auto&... each) { (join.add(each.emplace(join, std::move(tasks))), ...); }, children);
    co_await join;
    std::optional<std::variant<StoredResult<Ts>...>> result;
    [&]<std::size_t... index>(std::index_sequence<index...>) {
        const auto take = [&]<std::size_t i>(std::integral_constant<std::size_t, i>) {
            auto& child = *std::get<i>(children);
            if (&child != join.decisive()) return false;
            result.emplace(std::in_place_index<i>, take_result(child));
            return true;
        };
        static_cast<void>((take(std::integral_constant<std::size_t, index>()) || ...));
    }(std::index_sequence_for<Ts...>());
    co_return std::move(*result);
}

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

}  // namespace detail

// The same for awaitables of different types: tasks, callables that return tasks (which are kept), and operations such
// as websocket.receive_text(), channel.receive(), event.wait() or sleep(1s). Returns a std::variant whose index() is
// that of the first to end; std::monostate stands for an awaitable without a result:
//
//   const auto first = co_await proapi::when_any(websocket.next_text(), stop.wait());
//   if (first.index() == 1) co_return;
//   const std::optional<std::string>& text = std::get<0>(first);
//
// A cancelled receive loses no message and no value. The awaitables begin in their order, so that of several that are
// ready at once the first is returned, and those after it do not begin.
template <class... As>
    requires(sizeof...(As) > 1 && !(detail::is_vector<As> || ...))
[[nodiscard]] Task<std::variant<detail::StoredResult<typename detail::AwaitResult<As>::type>...>> when_any(
    As... awaitables) {
    return detail::first_of(detail::as_task(std::move(awaitables))...);
}

}  // namespace proapi
