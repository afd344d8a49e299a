// Completion: a result that a task awaits and any thread may set, such as the result of another library's callback.
//
//   proapi::Completion<std::string> answer;
//   client.query("SELECT 1", [answer](std::string text) { answer.set_value(std::move(text)); });
//   std::string text = co_await proapi::wait_for(answer, std::chrono::seconds(1));
//
// Copies share one result, which is set once and awaited once. Copies may be made, moved and destroyed on any thread.
// Setting a result is harmless even if no task waits any more or the server has ended.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "proapi/context.hpp"

namespace proapi {

namespace detail {

class Worker;

// The state that all copies share, except for the value.
class CompletionState : public std::enable_shared_from_this<CompletionState> {
public:
    // Belongs to the current worker. Throws std::logic_error outside a handler or task.
    CompletionState();
    CompletionState(const CompletionState&) = delete;
    CompletionState& operator=(const CompletionState&) = delete;

    // Calls `store` and returns true if nothing was set before; otherwise returns false. Any thread.
    template <class Store>
    bool set(Store store) {
        std::unique_lock lock(mutex_);
        if (is_set_) return false;
        store();
        is_set_ = true;
        wake(std::move(lock));
        return true;
    }
    bool set_exception(std::exception_ptr error);

    // Returns whether a result is set. Call on the worker's thread. Throws std::logic_error on another thread, if the
    // result was awaited before, or if another task is waiting for it.
    [[nodiscard]] bool check_ready();
    // Returns false if a result has been set in the meantime.
    [[nodiscard]] bool wait(Operation& operation) noexcept;
    void forget(const Operation& operation) noexcept;
    // Throws the exception that was set, if any. Otherwise the caller may move the value out, once.
    void take();

protected:
    ~CompletionState();

private:
    void wake(std::unique_lock<std::mutex> lock);

    const std::shared_ptr<Worker> worker_;
    std::mutex mutex_;
    bool is_set_ = false, is_taken_ = false;
    Operation* waiting_ = nullptr;  // used on the worker's thread
    std::exception_ptr error_;
};

template <class T>
struct TypedCompletion final : CompletionState {
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
};

// Throws std::logic_error.
[[noreturn]] void refuse_moved_completion();

template <class T>
class CompletionOperation final : public Operation {
public:
    explicit CompletionOperation(std::shared_ptr<TypedCompletion<T>> state) noexcept : state_(std::move(state)) {}
    CompletionOperation(CompletionOperation&& other) noexcept
        : Operation(std::move(other)), state_(std::move(other.state_)) {}
    ~CompletionOperation() override {
        if (is_waiting()) state_->forget(*this);
    }

    [[nodiscard]] bool await_ready() {
        if (!state_) refuse_moved_completion();
        if (state_->check_ready()) return true;
        check_cancelled();
        return false;
    }
    bool await_suspend(std::coroutine_handle<> waiting) {
        if (!state_->wait(*this)) return false;
        suspend(waiting);
        return true;
    }
    T await_resume() {
        throw_if_cancelled();
        state_->take();
        if constexpr (!std::is_void_v<T>) return std::move(*state_->value);
    }
    void on_cancel() override {
        state_->forget(*this);
        Operation::on_cancel();
    }

private:
    std::shared_ptr<TypedCompletion<T>> state_;
};

}  // namespace detail

template <class T = void>
class Completion {
    static_assert(!std::is_reference_v<T>,
                  "a Completion returns a value: Completion<T*> or Completion<std::shared_ptr<T>>");

public:
    // Throws std::logic_error outside a handler or a task that a handler started. The result must be awaited on this
    // thread.
    Completion() : state_(std::make_shared<detail::TypedCompletion<T>>()) {}

    // Sets the value; the waiting task resumes soon, on its own thread. Returns false, without any effect, if a result
    // was set before. Any thread.
    template <class U = T>
        requires(!std::is_void_v<T> && std::is_convertible_v<U &&, T>)
    bool set_value(U&& value) const {
        auto& state = this->state();
        return state.set([&] { state.value.emplace(std::forward<U>(value)); });
    }
    bool set_value() const
        requires std::is_void_v<T>
    {
        return state().set([] {});
    }
    // Sets an exception, which co_await throws. Otherwise the same as set_value().
    bool set_exception(std::exception_ptr error) const { return state().set_exception(std::move(error)); }

    // Throws std::logic_error on any thread other than the one that made the Completion, if the result was awaited
    // before, and while another task awaits it. After a wait that was cancelled or timed out, it may be awaited again.
    [[nodiscard]] detail::CompletionOperation<T> operator co_await() const {
        static_cast<void>(state());
        return detail::CompletionOperation<T>(state_);
    }

private:
    [[nodiscard]] detail::TypedCompletion<T>& state() const {
        if (!state_) detail::refuse_moved_completion();
        return *state_;
    }

    std::shared_ptr<detail::TypedCompletion<T>> state_;
};

}  // namespace proapi
