#include "service/websocket.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "http/response.hpp"
#include "service/log.hpp"
#include "ws/handshake.hpp"

namespace proapi::service {

namespace {

[[nodiscard]] std::string join(const std::vector<std::string_view>& items) {
    std::string out;
    for (const std::string_view item : items) out.append(out.empty() ? "'" : ", '").append(item).append("'");
    return out.empty() ? "none" : out;
}

// A handshake response has fields of its own, which an application may not write a second time.
[[nodiscard]] Result<void> check_handshake_headers(const http::Headers& headers) {
    if (const auto checked = http::check_response(200, headers); !checked)
        return make_error(ErrorCode::bad_handshake_headers, {checked.error().text});
    for (const auto& [name, value] : headers) {
        if (http::equals_ignoring_case(name, "upgrade") || http::equals_ignoring_case(name, "sec-websocket-accept") ||
            http::equals_ignoring_case(name, "sec-websocket-extensions") ||
            http::equals_ignoring_case(name, "sec-websocket-protocol"))
            return make_error(ErrorCode::handshake_header, {name});
    }
    return {};
}

}  // namespace

WebSocket::WebSocket(RequestInfo request, const WebSocketSettings& settings, WebSocketTransport& transport)
    : request_(std::move(request)), settings_(&settings), transport_(&transport) {}

WebSocket::OutputWaiters& WebSocket::output_waiters() {
    if (!output_waiters_) output_waiters_ = std::make_unique<OutputWaiters>();
    return *output_waiters_;
}

void WebSocket::set_closed(std::uint16_t code, std::string_view reason) {
    RareText text = reason.empty() ? nullptr : std::make_unique<const std::string>(reason);
    closed_ = true;
    close_code_ = code;
    close_reason_ = std::move(text);
}

const std::string& WebSocket::get_text(const RareText& text) noexcept {
    static const std::string empty;
    return text ? *text : empty;
}

Result<void> WebSocket::require_connecting(std::string_view call) const {
    if (accepted_) return make_error(ErrorCode::already_accepted, {call});
    if (closed_) return make_disconnect_error();
    return {};
}

Result<void> WebSocket::accept(std::optional<std::string_view> subprotocol, const http::Headers& headers) {
    if (auto connecting = require_connecting("accept()"); !connecting) return connecting;
    if (subprotocol) {
        const auto offered = ws::list_subprotocols(request_.head);
        if (std::ranges::find(offered, *subprotocol) == offered.end())
            return make_error(ErrorCode::subprotocol_not_offered, {join(offered), escape_for_log(*subprotocol)});
    }
    if (auto checked = check_handshake_headers(headers); !checked) return checked;
    if (subprotocol) subprotocol_ = std::make_unique<const std::string>(*subprotocol);
    if (middleware_) {
        transport_->accept(get_text(subprotocol_), pass_out(*middleware_, request_, 101, headers));
    } else {
        transport_->accept(get_text(subprotocol_), headers);
    }
    accepted_ = true;
    if (observation_) observation_->report_accept(request_);
    return {};
}

Result<void> WebSocket::reject(int status, std::string_view body, const http::Headers& headers) {
    if (auto connecting = require_connecting("reject()"); !connecting) return connecting;
    if (status < 300 || status > 599) return make_error(ErrorCode::bad_rejection_status, {std::to_string(status)});
    if (const auto checked = http::check_response(status, headers); !checked)
        return make_error(ErrorCode::bad_rejection, {checked.error().text});
    http::Headers all = headers;
    if (!body.empty() && !all.contains("content-type")) all.add("Content-Type", "text/plain; charset=utf-8");
    if (middleware_) all = pass_out(*middleware_, request_, status, all);
    set_closed(ws::close_code::abnormal_closure, "the handshake was rejected with status " + std::to_string(status));
    if (observation_) {
        observation_->set_status(status);
        observation_->count_sent(body.size());
    }
    transport_->reject(status, body, all);
    return {};
}

void WebSocket::refuse(Refusal refusal, const http::Headers& headers) {
    const auto [status, text] = describe(refusal);
    static_cast<void>(reject(status, std::string(text) + "\n", headers));
}

Result<void> WebSocket::check_close(int code, std::string_view reason) {
    if (code < 0 || !ws::is_sendable_close_code(static_cast<std::uint32_t>(code)))
        return make_error(ErrorCode::bad_close_code, {std::to_string(code)});
    if (reason.size() > ws::max_close_reason_bytes)
        return make_error(ErrorCode::close_reason_too_long, {std::to_string(reason.size())});
    if (!base::is_valid_utf8(base::as_bytes(reason))) return make_error(ErrorCode::close_reason_not_utf8);
    return {};
}

Result<void> WebSocket::close(int code, std::string_view reason) {
    if (auto checked = check_close(code, reason); !checked) return checked;
    if (closed_) return {};
    if (!accepted_) return reject(403, "", {});
    queue_.reset();
    queued_bytes_ = 0;
    send_close(static_cast<std::uint16_t>(code), reason);
    return {};
}

void WebSocket::send_close(std::uint16_t code, std::string_view reason) {
    set_closed(code, reason);
    transport_->close(code, reason);
    transport_->schedule_notify();
}

void WebSocket::fail(std::uint16_t code, std::string_view reason) {
    if (closed_) return;
    send_close(code, reason);
    if (code != ws::close_code::going_away) transport_->log_fault(code, reason);
}

Error WebSocket::make_disconnect_error() const {
    const std::string code = std::to_string(close_code().value_or(ws::close_code::abnormal_closure));
    Error error = make_error(ErrorCode::disconnected, {code});
    if (close_reason_) error.text += " (" + escape_for_log(*close_reason_) + ")";
    return error;
}

template <class Write>
Result<SendOutcome> WebSocket::send_by(Write&& write, std::size_t bytes) {
    if (closed_) [[unlikely]]
        return SendOutcome::ended;
    if (!accepted_) [[unlikely]]
        return make_error(ErrorCode::sent_before_accept);
    // max_buffered bounds what senders may queue without waiting; a single message may always exceed it.
    if (transport_->buffered_amount() > settings_->max_buffered) [[unlikely]] {
        fail(ws::close_code::policy_violation, "slow consumer: max_buffered is full");
        return SendOutcome::ended;
    }
    write();
    if (observation_) [[unlikely]]
        observation_->count_sent(bytes);
    return transport_->buffered_amount() > settings_->high_water ? SendOutcome::full : SendOutcome::sent;
}

Result<SendOutcome> WebSocket::send(MessageKind kind, base::Bytes payload, ws::Encoding encoding) {
    return send_by([&] { transport_->send(kind, payload, encoding); }, payload.size());
}

Result<SendOutcome> WebSocket::send_shared(SharedMessage& message) {
    return send_by([&] { transport_->send_shared(message); }, message.view().payload.size());
}

bool WebSocket::is_above_low_water() const noexcept {
    return transport_ && transport_->buffered_amount() > settings_->low_water;
}

Result<std::optional<Message>> WebSocket::try_receive() {
    if (receiver_) return make_error(ErrorCode::another_receiver);
    if (queue_) {
        const bool was_full = transport_ && !wants_messages();
        std::optional message = std::move(queue_->front());
        queue_->pop_front();
        queued_bytes_ -= message->data.size();
        if (queue_->empty()) queue_.reset();
        if (was_full && wants_messages()) transport_->resume_reading();
        return message;
    }
    if (closed_) {
        mark_end_seen();
        return make_disconnect_error();
    }
    if (!accepted_) return make_error(ErrorCode::received_before_accept);
    return std::optional<Message>();
}

void WebSocket::wait_no_longer_open(Waiter& waiter) {
    output_waiters().closed.add(waiter);
    if (transport_) transport_->watch_client();
    watch_end();
}

void WebSocket::wait_closed(Waiter& waiter) {
    close_waiters_.add(waiter);
    watch_end();
}

bool WebSocket::wants_messages() const noexcept {
    return !queue_ ||
           (queue_->size() < settings_->receive_queue_messages && queued_bytes_ < settings_->receive_queue_bytes);
}

void WebSocket::on_message(MessageView message) {
    if (closed_) return;
    if (observation_) [[unlikely]]
        observation_->count_received(message.payload.size());
    if (!queue_ && receiver_) return std::exchange(receiver_, nullptr)->on_message(message);
    queue({message.kind, std::string(base::as_text(message.payload))});
}

void WebSocket::enqueue(Message message) {
    if (closed_) return;
    if (observation_) observation_->count_received(message.data.size());
    queue(std::move(message));
}

void WebSocket::queue(Message message) {
    if (!queue_) queue_ = std::make_unique<std::deque<Message>>();
    queued_bytes_ += message.data.size();
    queue_->push_back(std::move(message));
}

void WebSocket::on_drained() {
    const base::IntrusivePtr<WebSocket> self(this);  // a woken handler may drop the last handle
    if (output_waiters_ && !is_above_low_water()) output_waiters_->drain.wake();
    if (output_waiters_ && buffered_amount() == 0) output_waiters_->flush.wake();
    if (output_waiters_ && output_waiters_->drain.empty() && output_waiters_->flush.empty() &&
        output_waiters_->closed.empty())
        output_waiters_.reset();
}

void WebSocket::on_close(std::uint16_t code, std::string_view reason) {
    if (closed_) return;
    set_closed(code, reason);
    notify();
}

void WebSocket::on_end() {
    transport_ = nullptr;
    if (!closed_) set_closed(ws::close_code::abnormal_closure, {});
    report_end();
    notify();
}

void WebSocket::report_end() noexcept {
    const auto observation = std::move(observation_);
    if (!observation) return;
    if (accepted_) {
        observation->report_end(request_, close_code_);
    } else {
        observation->report_request(request_);  // the handshake was refused, or the client did not wait
    }
}

void WebSocket::notify() {
    const base::IntrusivePtr<WebSocket> self(this);  // a woken handler may drop the last handle
    while (queue_ && receiver_) {
        Receiver& receiver = *std::exchange(receiver_, nullptr);
        const auto message = try_receive();
        receiver.on_message((*message)->view());
    }
    if (!closed_) return;
    if (receiver_) {
        mark_end_seen();
        std::exchange(receiver_, nullptr)->on_end();
    }
    if (output_waiters_) output_waiters_->drain.wake();
    if (output_waiters_) output_waiters_->closed.wake();
    if (transport_) return;
    if (output_waiters_) output_waiters_->flush.wake();
    close_waiters_.wake();
}

}  // namespace proapi::service
