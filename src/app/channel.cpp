#include "proapi/channel.hpp"

#include <stdexcept>
#include <string>

namespace proapi::detail {

ChannelState::ChannelState(std::size_t capacity) : capacity_(capacity) {
    if (capacity == 0) throw std::invalid_argument("Channel: expected a capacity of at least 1, got 0");
}

void ChannelState::on_added() noexcept {
    ++size_;
    wake_receivers();
}

void ChannelState::on_taken() noexcept {
    --size_;
    wake_senders();
}

void ChannelState::on_move_failed() noexcept {
    wake_receivers();
    wake_senders();
}

void ChannelState::wake_receivers() noexcept {
    while (size_ > woken_receivers_ || is_closed_) {
        WaitOperation* const next = receivers_.pop_front();
        if (!next) return;
        ++woken_receivers_;
        next->wake_soon();
    }
}

void ChannelState::wake_senders() noexcept {
    while (size_ + woken_senders_ < capacity_ || is_closed_) {
        WaitOperation* const next = senders_.pop_front();
        if (!next) return;
        ++woken_senders_;
        next->wake_soon();
    }
}

void ChannelState::close() noexcept {
    is_closed_ = true;
    wake_receivers();
    wake_senders();
}

bool ReceiveWait::await_ready() {
    channel_.require("Channel::receive()");
    if (channel_.can_receive()) return true;
    check_cancelled();
    return false;
}

void ReceiveWait::give_up() noexcept {
    if (!leave()) return;
    --channel_.woken_receivers_;
    channel_.wake_receivers();
}

void ReceiveWait::on_cancel() {
    give_up();
    WaitOperation::on_cancel();
}

void ReceiveWait::end_wait() {
    throw_if_cancelled();
    if (leave()) --channel_.woken_receivers_;
}

bool SendWait::await_ready() {
    channel_.require("Channel::send()");
    if (channel_.is_closed() || channel_.can_send()) return true;
    check_cancelled();
    return false;
}

// The place that the next sender waits for may be free already, if it is kept for one that was woken.
void SendWait::await_suspend(std::coroutine_handle<> waiting) noexcept {
    suspend_in(channel_.senders_, waiting);
    channel_.wake_senders();
}

void SendWait::give_up() noexcept {
    if (!leave()) return;
    --channel_.woken_senders_;
    channel_.wake_senders();
}

void SendWait::on_cancel() {
    give_up();
    WaitOperation::on_cancel();
}

bool SendWait::end_wait() {
    throw_if_cancelled();
    if (leave()) --channel_.woken_senders_;
    return !channel_.is_closed();
}

void refuse_moved_channel(const char* call) {
    throw std::logic_error(std::string(call) + ": expected a Channel, got one that was moved from");
}

}  // namespace proapi::detail
