// A message that is sent to a connection of another thread: it goes there, is sent there, waits there for the buffer to
// drain, and comes back with whether the connection took it.
#pragma once

#include <memory>
#include <string>

#include "app/connection_state.hpp"

namespace proapi::detail {

class RemoteSend final : public std::enable_shared_from_this<RemoteSend>, private service::Waiter {
public:
    // Copies `payload`. Called on any thread but the connection's.
    [[nodiscard]] static std::shared_ptr<RemoteSend> start(const ConnectionRef& target, service::MessageKind kind,
                                                           base::Bytes payload);
    RemoteSend(ConnectionRef target, service::MessageKind kind, base::Bytes payload);

    // On the thread that started it.
    [[nodiscard]] bool is_done() const noexcept { return done_; }
    [[nodiscard]] bool was_delivered() const noexcept { return delivered_; }
    void wait(Operation* operation) noexcept { waiting_ = operation; }

private:
    void send();  // on the connection's thread
    void on_ready() override;
    void finish(bool delivered);

    const ConnectionRef target_;
    const std::shared_ptr<Worker> origin_;  // none: nobody waits
    const service::MessageKind kind_;
    std::string data_;
    std::shared_ptr<RemoteSend> self_;  // while the connection's thread works on it
    // The starting thread's.
    Operation* waiting_ = nullptr;
    bool done_ = false, delivered_ = false;
};

}  // namespace proapi::detail
