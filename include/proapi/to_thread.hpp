// to_thread(): a call that blocks, such as reading a file or asking a database, in a thread of the pool in which
// handlers run that are not coroutines.
//
//   const auto read = [path] { return read_file(path); };
//   const std::string text = co_await proapi::to_thread(read);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "proapi/context.hpp"
#include "proapi/task.hpp"

namespace proapi {

namespace detail {

class ThreadCall;

// Runs a call in a thread and waits for its end. Throws what it throws.
class ThreadOperation final : public Operation {
public:
    // Throws std::logic_error outside a handler or task.
    explicit ThreadOperation(std::function<void()> call);
    ThreadOperation(ThreadOperation&&) = delete;
    ~ThreadOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const;
    void on_cancel() override;

private:
    std::shared_ptr<ThreadCall> call_;
};

template <class T>
using ThreadResult = std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

// A coroutine whose frame does not contain the callable: g++ warns of frames with types that have no linkage.
template <class T>
Task<T> await_thread(std::function<void()> call, std::shared_ptr<ThreadResult<T>> result) {
    co_await ThreadOperation(std::move(call));
    if constexpr (!std::is_void_v<T>) co_return *std::move(*result);
}

}  // namespace detail

// Calls `function`, which takes no arguments and is kept, in a thread, and returns its result or throws its exception.
// Meanwhile the caller's thread goes on with other work. In the thread, nothing of this library may be called but what
// any thread may call.
//
// If the waiting task is cancelled, or its frame destroyed, a call that has not begun never begins; another goes on,
// and its result is dropped. So `function` must own or share what it uses. At the stop, a call that does not end is
// abandoned like a handler that is not a coroutine (see RunningServer).
//
// Throws std::logic_error outside a handler or task.
template <class F>
    requires std::invocable<F&>
[[nodiscard]] Task<std::invoke_result_t<F&>> to_thread(F function) {
    using Result = std::invoke_result_t<F&>;
    static_assert(!std::is_reference_v<Result>, "to_thread() takes a callable that returns a value, not a reference");
    auto result = std::make_shared<detail::ThreadResult<Result>>();
    auto call = [kept = std::make_shared<F>(std::move(function)), result] {
        if constexpr (std::is_void_v<Result>) {
            std::invoke(*kept);
        } else {
            result->emplace(std::invoke(*kept));
        }
    };
    return detail::await_thread<Result>(std::move(call), std::move(result));
}

}  // namespace proapi
