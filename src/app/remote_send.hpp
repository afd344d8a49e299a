// A message for a connection of another thread. It is posted to that thread, sent there, and waits there until the
// buffer has drained; then the result, whether the connection took it, is posted back.
#pragma once

#include <memory>
#include <string>

#include "app/connection_state.hpp"

namespace proapi::detail {

class RemoteSend final : public std::enable_shared_from_this<RemoteSend>, private service::Waiter {
public:
    // Copies `payload`. Called on any thread but the connection's.
    [[nodiscard]] static std::shared_ptr<RemoteSend> start(const ConnectionRef& target, service::MessageKind kind,
                                                           base::Bytes payload, ws::Encoding encoding);
    RemoteSend(ConnectionRef target, service::MessageKind kind, base::Bytes payload, ws::Encoding encoding);

    // On the thread that started the send.
    [[nodiscard]] bool is_done() const noexcept { return done_; }
    [[nodiscard]] bool was_delivered() const noexcept { return delivered_; }
    void wait(Operation* operation) noexcept { waiting_ = operation; }

private:
    void send();  // on the connection's thread
    void on_ready() override;
    void finish(bool delivered);

    const ConnectionRef target_;
    const std::shared_ptr<Worker> origin_;  // null: the sending thread has no worker, so no task waits
    const service::MessageKind kind_;
    const ws::Encoding encoding_;
    std::string data_;
    std::shared_ptr<RemoteSend> self_;  // keeps this object alive until the buffer has drained
    // Used on the starting thread only.
    Operation* waiting_ = nullptr;
    bool done_ = false, delivered_ = false;
};

}  // namespace proapi::detail
