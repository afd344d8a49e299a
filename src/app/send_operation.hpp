// A send that was not complete when its call returned: the outgoing buffer is above its high-water mark, the connection
// has ended, or the message is on its way to the connection's thread.
#pragma once

#include "app/connection_state.hpp"
#include "app/remote_send.hpp"

namespace proapi::detail {

class SendOperation::Unfinished final : public Operation {
public:
    // For the connection's own thread, or after the connection's end. `next_turn`: the message was dropped, and the
    // result becomes available in the loop's next turn.
    explicit Unfinished(ConnectionRef state, bool next_turn = false) noexcept
        : state_(std::move(state)), next_turn_(next_turn) {}
    Unfinished(ConnectionRef state, std::shared_ptr<RemoteSend> remote) noexcept
        : state_(std::move(state)), remote_(std::move(remote)) {}
    ~Unfinished() override;

    [[nodiscard]] bool is_over();
    void wait(std::coroutine_handle<> waiting);
    [[nodiscard]] bool outcome();

private:
    [[nodiscard]] bool is_owners() const noexcept { return context() && context()->owner() == state_.get(); }

    ConnectionRef state_;
    std::shared_ptr<RemoteSend> remote_;
    const bool next_turn_ = false;
};

}  // namespace proapi::detail
