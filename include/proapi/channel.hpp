// Channel: a bounded queue between tasks. A full channel makes its senders wait, an empty one its receivers.
//
//   proapi::Channel<std::string> lines(100);
//   if (!co_await lines.send("text")) co_return;              // one task; false once the channel is closed
//   while (auto line = co_await lines.receive()) use(*line);  // another; ends when the channel is closed and empty
//
// A channel belongs to one thread: that of the worker whose task first uses it, until that worker ends. Across threads,
// and with workers=N, use a Completion (completion.hpp), which any thread may set.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "proapi/waiting.hpp"

namespace proapi {

namespace detail {

// What all channels do, whatever they carry. A task that is woken takes its value, or adds it, by itself when it runs.
// Until then a value or a free place is reserved for it: no more receivers are woken than there are values, and no more
// senders than there are free places. If a woken task is cancelled first, the next one is woken in its place.
class ChannelState {
public:
    // Throws std::invalid_argument if `capacity` is 0.
    explicit ChannelState(std::size_t capacity);
    ChannelState(const ChannelState&) = delete;
    ChannelState& operator=(const ChannelState&) = delete;

    // Throws std::logic_error on the wrong thread.
    void require(const char* call) { binding_.require(call); }
    // Whether a task that does not wait may take a value now, or be told of the end.
    [[nodiscard]] bool can_receive() const noexcept { return is_closed_ || size_ > woken_receivers_; }
    // Whether a task that does not wait may add a value now. Those that wait come first.
    [[nodiscard]] bool can_send() const noexcept {
        return !is_closed_ && woken_senders_ == 0 && senders_.empty() && size_ < capacity_;
    }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void on_added() noexcept;
    void on_taken() noexcept;
    // A value could not be moved into the channel or out of it: the place, or the value, is for the next task that
    // waits.
    void on_move_failed() noexcept;
    void close() noexcept;

protected:
    ~ChannelState() = default;

private:
    friend class ReceiveWait;
    friend class SendWait;
    void wake_receivers() noexcept;
    void wake_senders() noexcept;

    WorkerBinding binding_;
    const std::size_t capacity_;
    std::size_t size_ = 0, woken_receivers_ = 0, woken_senders_ = 0;
    bool is_closed_ = false;
    WaitList receivers_, senders_;
};

// A wait for a value, or for the end. The state is kept by the derived class.
class ReceiveWait : public WaitOperation {
public:
    explicit ReceiveWait(ChannelState& channel) noexcept : channel_(channel) {}
    ReceiveWait(ReceiveWait&&) noexcept = default;
    ~ReceiveWait() override { give_up(); }
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept { suspend_in(channel_.receivers_, waiting); }
    void on_cancel() override;
    void prepare_cancel() noexcept override { give_up(); }

protected:
    // Throws Cancelled.
    void end_wait();

private:
    void give_up() noexcept;

    ChannelState& channel_;
};

// A wait for a free place, or for the end.
class SendWait : public WaitOperation {
public:
    explicit SendWait(ChannelState& channel) noexcept : channel_(channel) {}
    SendWait(SendWait&&) noexcept = default;
    ~SendWait() override { give_up(); }
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting) noexcept;
    void on_cancel() override;
    void prepare_cancel() noexcept override { give_up(); }

protected:
    // Returns whether the value may be added. Throws Cancelled.
    [[nodiscard]] bool end_wait();

private:
    void give_up() noexcept;

    ChannelState& channel_;
};

template <class T>
class TypedChannelState final : public ChannelState {
public:
    using ChannelState::ChannelState;
    void add(T&& value) {
        guard([&] { values_.push_back(std::move(value)); });
        on_added();
    }
    // std::nullopt if there is no value.
    [[nodiscard]] std::optional<T> take() {
        if (values_.empty()) return std::nullopt;
        std::optional<T> value;
        guard([&] { value.emplace(std::move(values_.front())); });
        values_.pop_front();
        on_taken();
        return value;
    }

private:
    template <class Move>
    void guard(Move move) {
        try {
            move();
        } catch (...) {
            on_move_failed();
            throw;
        }
    }

    std::deque<T> values_;
};

// A first base, so that the state outlives the wait.
template <class T>
struct KeptChannelState {
    std::shared_ptr<TypedChannelState<T>> kept;
};

template <class T>
class ChannelReceive final : private KeptChannelState<T>, public ReceiveWait {
public:
    explicit ChannelReceive(std::shared_ptr<TypedChannelState<T>> state) noexcept
        : KeptChannelState<T>{std::move(state)}, ReceiveWait(*this->kept) {}
    [[nodiscard]] std::optional<T> await_resume() {
        end_wait();
        return this->kept->take();
    }
};

template <class T>
class ChannelSend final : private KeptChannelState<T>, public SendWait {
public:
    ChannelSend(std::shared_ptr<TypedChannelState<T>> state, T&& value)
        : KeptChannelState<T>{std::move(state)}, SendWait(*this->kept), value_(std::move(value)) {}
    bool await_resume() {
        if (!end_wait()) return false;
        this->kept->add(std::move(value_));
        return true;
    }

private:
    T value_;
};

// Throws std::logic_error.
[[noreturn]] void refuse_moved_channel(const char* call);

}  // namespace detail

// Copies share one channel. They may be made, moved and destroyed on any thread. Each call throws std::logic_error for
// a moved-from channel and, once a task has used the channel, on any thread but that task's.
template <class T>
class Channel {
    static_assert(std::is_object_v<T>,
                  "a Channel carries values: Channel<T*>, Channel<std::shared_ptr<T>>, or an Event");
    static_assert(std::is_move_constructible_v<T>, "a Channel carries values that can be moved");

public:
    // Holds at most `capacity` values. Any thread, also before the application runs. Throws std::invalid_argument if
    // `capacity` is 0.
    explicit Channel(std::size_t capacity) : state_(std::make_shared<detail::TypedChannelState<T>>(capacity)) {}

    // `co_await channel.send(value)` waits for a free place, adds the value and returns true, or returns false if the
    // channel is closed. Values arrive in the order of the calls. A send that is cancelled has not added its value, and
    // a send that has added it is not cancelled.
    [[nodiscard]] detail::ChannelSend<T> send(T value) const {
        return detail::ChannelSend<T>(checked("Channel::send()"), std::move(value));
    }
    // `co_await channel.receive()` waits for a value. Returns std::nullopt if the channel is closed and all its values
    // have been taken. Each value is received once; a receive that is cancelled takes none.
    [[nodiscard]] detail::ChannelReceive<T> receive() const {
        return detail::ChannelReceive<T>(checked("Channel::receive()"));
    }
    // The same without waiting. Returns false if the channel is full or closed, or if others wait for a place;
    // std::nullopt if there is no value, or only values for others that wait.
    [[nodiscard]] bool try_send(T value) const {
        const auto& state = checked("Channel::try_send()");
        if (!state->can_send()) return false;
        state->add(std::move(value));
        return true;
    }
    [[nodiscard]] std::optional<T> try_receive() const {
        const auto& state = checked("Channel::try_receive()");
        return state->can_receive() ? state->take() : std::nullopt;
    }

    // Ends the channel: sends, also those that wait, return false; receives return the values that are left, and then
    // std::nullopt. A second call does nothing.
    void close() const { checked("Channel::close()")->close(); }
    [[nodiscard]] bool is_closed() const { return checked("Channel::is_closed()")->is_closed(); }
    // The number of values that wait to be received.
    [[nodiscard]] std::size_t size() const { return checked("Channel::size()")->size(); }

private:
    [[nodiscard]] const std::shared_ptr<detail::TypedChannelState<T>>& checked(const char* call) const {
        if (!state_) detail::refuse_moved_channel(call);
        state_->require(call);
        return state_;
    }

    std::shared_ptr<detail::TypedChannelState<T>> state_;
};

}  // namespace proapi
