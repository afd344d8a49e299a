// Completion: what a task waits for and any thread may bring: the result of another library's callback.
//
//   proapi::Completion<std::string> answer;
//   client.query("SELECT 1", [answer](std::string text) { answer.set_value(std::move(text)); });
//   std::string text = co_await proapi::wait_for(answer, std::chrono::seconds(1));
//
// Copies share one result, which is set once and awaited once. Copies may be made, moved and destroyed on any thread.
// It does no harm to set it when nobody waits any more, nor when the server has gone.
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

// What the copies share, but for the value.
class CompletionState : public std::enable_shared_from_this<CompletionState> {
public:
    // Belongs to the worker that runs now. Throws std::logic_error outside of a handler or task.
    CompletionState();
    CompletionState(const CompletionState&) = delete;
    CompletionState& operator=(const CompletionState&) = delete;

    // Any thread. `store` is called where nothing was set before; whether it was.
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

    // On the worker's thread. Whether it is set; throws std::logic_error on another one, and where it was awaited
    // before or is by another task.
    [[nodiscard]] bool check_ready();
    // False: it has been set meanwhile.
    [[nodiscard]] bool wait(Operation& operation) noexcept;
    void forget(const Operation& operation) noexcept;
    // Throws what was set as an exception. The value may be taken then, once.
    void take();

protected:
    ~CompletionState();

private:
    void wake(std::unique_lock<std::mutex> lock);

    const std::shared_ptr<Worker> worker_;
    std::mutex mutex_;
    bool is_set_ = false, is_taken_ = false;
    Operation* waiting_ = nullptr;  // on the worker's thread
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
                  "a Completion gives a value: Completion<T*> or Completion<std::shared_ptr<T>>");

public:
    // Throws std::logic_error outside of a handler or a task of one. It is awaited on this thread.
    Completion() : state_(std::make_shared<detail::TypedCompletion<T>>()) {}

    // The task goes on with it, soon and on its own thread. False: it was set before, and nothing happens. Any thread.
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
    // co_await throws it. As set_value().
    bool set_exception(std::exception_ptr error) const { return state().set_exception(std::move(error)); }

    // Throws std::logic_error on another thread than the one it was made on, for a second time, and while another task
    // awaits it. One that was cancelled or timed out may be awaited again.
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
