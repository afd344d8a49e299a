#include "app/connection_state.hpp"

#include "app/remote_send.hpp"
#include "app/send_operation.hpp"
#include "base/utf8.hpp"

namespace proapi::detail {

void make_message(service::MessageView from, Message& to) {
    if (from.kind == service::MessageKind::text) {
        to.emplace<std::string>(base::as_text(from.payload));
    } else {
        const auto* begin = reinterpret_cast<const std::byte*>(from.payload.data());
        to.emplace<Bytes>(begin, begin + from.payload.size());
    }
}

void ConnectionRef::add(ConnectionState& state) noexcept {
    state.references_.fetch_add(1, std::memory_order_relaxed);
}

void ConnectionRef::drop(ConnectionState& state) noexcept {
    if (state.references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete &state;
}

void ConnectionState::begin() {
    ConnectionRef::add(*this);
    worker().add(*this);
    websocket_->wait_closed(*this);
}

service::WebSocket& ConnectionState::websocket(const char* call) const {
    if (!is_on_own_thread())
        throw WebSocketStateError(std::string(call) +
                                  ": expected to be called on the connection's own thread, got another one");
    return *websocket_;
}

const RequestView& ConnectionState::view() {
    std::call_once(view_once_, [this] {
        view_ = std::make_unique<RequestView>(websocket_->request(), service::UrlKind::websocket);
    });
    return *view_;
}

std::unordered_map<std::string, std::any>& ConnectionState::state(const char* call) {
    if (!has_ended()) static_cast<void>(websocket(call));
    if (!state_) state_ = std::make_unique<std::unordered_map<std::string, std::any>>();
    return *state_;
}

void ConnectionState::raise_disconnect() const {
    if (is_on_own_thread()) mark_end_seen_by_caller();
    throw WebSocketDisconnect(websocket_->close_code().value_or(ws::close_code::abnormal_closure),
                              websocket_->close_reason());
}

void ConnectionState::require(const service::Result<void>& result) const {
    if (!result) raise(result.error());
}

void ConnectionState::raise(const service::Error& error) const {
    switch (error.kind()) {
        case service::ErrorKind::state:
            throw WebSocketStateError(error.text);
        case service::ErrorKind::value:
            throw std::invalid_argument(error.text);
        case service::ErrorKind::disconnect:
            break;
    }
    raise_disconnect();
}

void ConnectionState::accept(std::optional<std::string_view> subprotocol, const http::Headers& headers) {
    require(websocket("accept()").accept(subprotocol, headers));
    accepted_.store(true, std::memory_order_release);
}

SendOperation ConnectionState::send(service::MessageKind kind, base::Bytes payload, ws::Encoding encoding) {
    if (kind == service::MessageKind::text && !base::is_valid_utf8(payload))
        throw std::invalid_argument("send_text(): expected UTF-8, got other octets; send_bytes() takes any");
    if (!is_on_own_thread()) {
        if (has_ended()) {
            Worker* sender = Worker::current();
            return SendOperation(new SendOperation::Unfinished(ConnectionRef(this), sender && sender->count_dropped()));
        }
        if (!is_accepted()) throw WebSocketStateError("send: call accept() first");
        return SendOperation(new SendOperation::Unfinished(
            ConnectionRef(this), RemoteSend::start(ConnectionRef(this), kind, payload, encoding)));
    }
    const auto sent = websocket_->send(kind, payload, encoding);
    if (!sent) [[unlikely]]
        raise(sent.error());
    if (*sent == service::SendOutcome::sent) [[likely]]
        return {};
    const bool next_turn = *sent == service::SendOutcome::ended && worker().count_dropped();
    return SendOperation(new SendOperation::Unfinished(ConnectionRef(this), next_turn));
}

std::size_t ConnectionState::buffered_amount() {
    if (has_ended()) return 0;
    // Read in this order: octets are counted as buffered before they leave remote_bytes_.
    const std::size_t on_its_way = remote_bytes_.load(std::memory_order_acquire);
    if (is_on_own_thread()) return on_its_way + websocket_->buffered_amount();
    if (!asked_for_buffered_.exchange(true))
        worker().post([state = ConnectionRef(this)] {
            state->asked_for_buffered_ = false;
            state->note_buffered();
        });
    return on_its_way + buffered_.load(std::memory_order_relaxed);
}

void ConnectionState::overflow() {
    if (!overflowed_.exchange(true)) close(ws::close_code::policy_violation, "slow consumer: max_buffered is full");
}

void ConnectionState::note_own_end() const noexcept {
    const Context* context = Context::current();
    if (disconnect_waiter_ && context && context->owner() == this) disconnect_waiter_->cancel_wait();
}

void ConnectionState::mark_end_seen_by_caller() const noexcept {
    websocket_->mark_end_seen();
    if (Context* const context = Context::current()) mark_end_seen_by_caller(*context);
}

void ConnectionState::mark_end_seen_by_caller(Context& context) const noexcept {
    if (context.owner() != this) return;
    context.mark_end_seen();
    if (disconnect_waiter_ && disconnect_waiter_->handler().has_seen_end()) disconnect_waiter_->cancel_wait();
}

bool ConnectionState::close(int code, std::string_view reason) {
    if (is_on_own_thread()) {
        const bool was_closed = websocket_->is_closed();
        require(websocket_->close(code, reason));
        if (!was_closed) note_own_end();
        return true;
    }
    // Invalid arguments throw here, in the caller; the close itself runs on the connection's thread.
    require(service::WebSocket::check_close(code, reason));
    worker().post([state = ConnectionRef(this), code, text = std::string(reason)] {
        static_cast<void>(state->websocket_->close(code, text));
    });
    return false;
}

bool ConnectionState::try_receive(Message& message) const {
    auto received = websocket("receive").try_receive();
    if (!received) raise(received.error());
    std::optional<service::Message>& queued = *received;
    if (!queued) return false;
    if (queued->kind == service::MessageKind::text) {
        message.emplace<std::string>(std::move(queued->data));
    } else {
        make_message(queued->view(), message);
    }
    return true;
}

void ConnectionState::wait_message(ReceiveOperation& receiving) noexcept {
    receiving_ = &receiving;
    websocket_->wait_message(*this);
}

void ConnectionState::cancel_receive(ReceiveOperation& receiving) noexcept {
    if (receiving_ != &receiving) return;
    receiving_ = nullptr;
    websocket_->cancel_receive(*this);
}

void ConnectionState::on_message(service::MessageView message) {
    try {
        make_message(message, receiving_->message());
    } catch (...) {
        websocket_->wait_message(*this);  // the engine gives up the connection and reports its end to the receiver
        throw;
    }
    std::exchange(receiving_, nullptr)->on_received();
}

void ConnectionState::on_end() {
    const ConnectionRef self(this);  // the resumed handler may drop the last handle
    std::exchange(receiving_, nullptr)->complete();
}

void ConnectionState::on_ready() {
    ended_.store(true, std::memory_order_release);
    worker().remove(*this);
    ConnectionRef::drop(*this);
}

}  // namespace proapi::detail
