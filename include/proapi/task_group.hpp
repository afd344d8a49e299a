// TaskGroup: tasks that end together. The group ends when its last task has ended; if one fails, the others are
// cancelled. So nothing that the tasks refer to can end before them.
//
//   co_await proapi::with_task_group([&](proapi::TaskGroup& group) -> proapi::Task<> {
//       group.spawn(read_from, websocket, lines);
//       group.spawn(write_to, websocket, lines);
//       co_return;  // the group waits for both
//   });
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <type_traits>
#include <utility>

#include "proapi/concurrency.hpp"
#include "proapi/task.hpp"

namespace proapi {

class TaskGroup;

namespace detail {

class GroupOperation;

// A task of a group.
class GroupChild final : public TaskOwner {
public:
    GroupChild(GroupOperation& group, ConnectionRef owner, Task<> task, bool begins_group) noexcept
        : TaskOwner(std::move(owner)), is_body(begins_group), group_(group), task_(std::move(task)) {}
    std::coroutine_handle<> on_done() noexcept override;
    void start() { TaskAccess::start(task_, *this); }
    [[nodiscard]] std::exception_ptr error() const noexcept { return TaskAccess::error(task_); }

    const bool is_body;
    std::list<GroupChild>::iterator place;

private:
    GroupOperation& group_;
    Task<> task_;
};

// Runs the tasks of a group and waits for all of them. Owns them, and destroys those that still run.
class GroupOperation final : public Operation {
public:
    GroupOperation() = default;
    GroupOperation(GroupOperation&&) = delete;
    ~GroupOperation() override = default;

    // The task with which the group begins.
    void set_body(Task<> body) { body_.emplace(std::move(body)); }
    // Runs `task` until it first waits. Returns false, and does not start it, if the group is ending.
    bool spawn(Task<> task);
    // Cancels all tasks, once. The waiting coroutine may resume within the call.
    void cancel_all();
    [[nodiscard]] bool is_ending() const noexcept { return is_ending_; }

    [[nodiscard]] bool await_ready() {
        check_cancelled();
        return false;
    }
    bool await_suspend(std::coroutine_handle<> waiting);
    // Throws Cancelled, or the exception of the first task that failed.
    void await_resume() const;
    void on_cancel() override;
    void prepare_cancel() noexcept override;
    // Destroys `child`. Returns the coroutine to resume.
    [[nodiscard]] std::coroutine_handle<> on_child_done(GroupChild& child) noexcept;

private:
    void start(Task<> task, bool is_body);
    void cancel_children() noexcept;
    // Keeps the first failure, and logs the others.
    void note_end(const GroupChild& child) noexcept;

    std::optional<Task<>> body_;
    std::list<GroupChild> children_;
    std::list<GroupChild>::iterator next_to_cancel_ = children_.end();
    std::exception_ptr error_;
    bool is_ending_ = false, has_seen_end_ = false;
    int busy_ = 0;  // a start or a cancellation is on the stack: a task that ends in it does not resume the waiting one
};

}  // namespace detail

// The tasks of one with_task_group(), which passes it to its body. Lives until all of them have ended. Belongs to the
// thread of the task that called with_task_group().
class TaskGroup {
public:
    // Runs `task` alongside the others: at once until it first waits. It belongs to the connection of the handler that
    // runs the group. Any task of the group may call this. Returns false, and does not start the task, once the group
    // has failed or was cancelled. Throws std::logic_error for a task that has run.
    bool spawn(Task<> task) {
        detail::TaskAccess::require_unused(task);
        return operation_.spawn(std::move(task));
    }
    // Spawns function(arguments...) and keeps the function and the arguments as long as the task lives.
    template <class F, class... Args>
        requires(!detail::is_task<std::remove_cvref_t<F>>)
    bool spawn(F function, Args... arguments) {
        static_assert(detail::TaskFunction<F, Args...>,
                      "TaskGroup::spawn() takes a Task<>, or a callable that returns one, and its arguments");
        static_assert(std::is_void_v<detail::FunctionResult<F, Args...>>,
                      "a group drops the results of its tasks: expected Task<>; when_all() returns results");
        return spawn(make_task(std::move(function), std::move(arguments)...));
    }
    // Cancels all tasks of the group, also the body and the caller, each once: their operations throw Cancelled. The
    // group then ends as if they had returned.
    void cancel() { operation_.cancel_all(); }
    // Whether the group has failed or was cancelled.
    [[nodiscard]] bool is_ending() const noexcept { return operation_.is_ending(); }

    explicit TaskGroup(detail::GroupOperation& operation) noexcept : operation_(operation) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

private:
    detail::GroupOperation& operation_;
};

namespace detail {

template <class R, class F>
Task<> run_body(F& body, TaskGroup& group, std::optional<StoredResult<R>>& result) {
    if constexpr (std::is_void_v<R>) {
        co_await std::invoke(body, group);
        result.emplace();
    } else {
        result.emplace(co_await std::invoke(body, group));
    }
}

}  // namespace detail

// Runs `body`, a callable that takes a TaskGroup& and returns a task, together with the tasks that it spawns in the
// group. Returns the body's result when all of them have ended, also if the body ends first; the callable is kept.
//
// If one of them fails, the others are cancelled, and after all have ended the exception of the first failure is
// thrown; further failures are logged. A task that ends with Cancelled has not failed, unless it is the body and the
// group was not cancelled. Cancelling with_task_group() cancels all of them. A body whose result is missing because the
// group was cancelled: Cancelled.
template <class F>
[[nodiscard]] auto with_task_group(F body) -> Task<detail::FunctionResult<F, TaskGroup&>> {
    using Result = detail::FunctionResult<F, TaskGroup&>;
    std::optional<detail::StoredResult<Result>> result;
    detail::GroupOperation operation;
    TaskGroup group(operation);
    operation.set_body(detail::run_body<Result>(body, group, result));
    co_await operation;
    if constexpr (!std::is_void_v<Result>) {
        if (!result) throw Cancelled();
        co_return std::move(*result);
    }
}

}  // namespace proapi
