#include "app/remote_send.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] std::shared_ptr<Worker> current_worker() {
    Worker* worker = Worker::current();
    return worker ? worker->shared_from_this() : nullptr;
}

}  // namespace

RemoteSend::RemoteSend(ConnectionRef target, service::MessageKind kind, base::Bytes payload, ws::Encoding encoding)
    : target_(std::move(target)),
      origin_(current_worker()),
      kind_(kind),
      encoding_(encoding),
      data_(base::as_text(payload)) {}

std::shared_ptr<RemoteSend> RemoteSend::start(const ConnectionRef& target, service::MessageKind kind,
                                              base::Bytes payload, ws::Encoding encoding) {
    // Bounded like the outgoing buffer: a single message may always exceed the limit.
    std::atomic<std::size_t>& on_its_way = target->remote_bytes();
    if (on_its_way.load(std::memory_order_relaxed) > target->max_buffered()) {
        target->overflow();
        auto dropped = std::make_shared<RemoteSend>(target, kind, base::Bytes(), encoding);
        dropped->done_ = true;
        return dropped;
    }
    auto operation = std::make_shared<RemoteSend>(target, kind, payload, encoding);
    on_its_way.fetch_add(payload.size(), std::memory_order_relaxed);
    const bool posted = target->worker().post([operation] { operation->send(); });
    if (!posted) {  // that thread has ended, and the connection with it
        on_its_way.fetch_sub(payload.size(), std::memory_order_relaxed);
        operation->done_ = true;
    }
    return operation;
}

void RemoteSend::send() {
    const auto sent = target_->websocket().send(kind_, base::as_bytes(data_), encoding_);
    target_->note_buffered();
    target_->remote_bytes().fetch_sub(data_.size(), std::memory_order_release);
    data_ = {};
    if (!sent || *sent == service::SendOutcome::ended) {
        target_->worker().count_dropped();
        return finish(false);
    }
    if (*sent == service::SendOutcome::sent || !origin_) return finish(true);
    self_ = shared_from_this();
    target_->websocket().wait_drained(*this);
}

void RemoteSend::on_ready() {
    const auto self = std::move(self_);
    finish(!target_->websocket().is_closed());
}

void RemoteSend::finish(bool delivered) {
    if (!origin_) return;
    origin_->post([self = shared_from_this(), delivered] {
        self->done_ = true;
        self->delivered_ = delivered;
        if (Operation* operation = std::exchange(self->waiting_, nullptr)) operation->complete();
    });
}

}  // namespace proapi::detail
