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

// A handshake response carries its own fields; an application may not write them a second time.
[[nodiscard]] std::string check_handshake_headers(const http::Headers& headers) {
    if (std::string wrong = http::check_response(200, headers); !wrong.empty()) return wrong;
    for (const auto& [name, value] : headers) {
        if (http::equals_ignoring_case(name, "upgrade") || http::equals_ignoring_case(name, "sec-websocket-accept") ||
            http::equals_ignoring_case(name, "sec-websocket-extensions") ||
            http::equals_ignoring_case(name, "sec-websocket-protocol"))
            return "the header '" + std::string(name) + "' is written by the handshake itself";
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

Problem WebSocket::require_connecting(std::string_view call) const {
    if (accepted_) return state_problem(std::string(call) + ": the connection is accepted already");
    if (closed_) return disconnect_problem();
    return {};
}

Problem WebSocket::accept(std::optional<std::string_view> subprotocol, const http::Headers& headers) {
    if (Problem problem = require_connecting("accept()")) return problem;
    if (subprotocol) {
        const auto offered = ws::list_subprotocols(request_.head);
        if (std::ranges::find(offered, *subprotocol) == offered.end())
            return value_problem("accept(): expected a subprotocol that the client offered (" + join(offered) +
                                 "), got '" + escape_for_log(*subprotocol) + "'");
    }
    if (std::string wrong = check_handshake_headers(headers); !wrong.empty())
        return value_problem("accept(): " + wrong);
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

Problem WebSocket::reject(int status, std::string_view body, const http::Headers& headers) {
    if (Problem problem = require_connecting("reject()")) return problem;
    if (status < 300 || status > 599)
        return value_problem("reject(): expected a status from 300 to 599, got " + std::to_string(status));
    if (std::string wrong = http::check_response(status, headers); !wrong.empty())
        return value_problem("reject(): " + wrong);
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

Problem WebSocket::close(std::uint16_t code, std::string_view reason) {
    if (!ws::is_sendable_close_code(code))
        return value_problem("close(): expected a code of 1000-1003, 1007-1014 or 3000-4999, got " +
                             std::to_string(code));
    if (reason.size() > ws::max_close_reason_bytes)
        return value_problem("close(): expected a reason of at most 123 octets of UTF-8, got " +
                             std::to_string(reason.size()));
    if (!base::is_valid_utf8(base::as_bytes(reason))) return value_problem("close(): the reason is not valid UTF-8");
    if (closed_) return {};
    if (!accepted_) return reject(403, "", {});
    queue_.reset();
    queued_bytes_ = 0;
    send_close(code, reason);
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
    if (code != ws::close_code::going_away) transport_->tell_fault(code, reason);
}

Problem WebSocket::disconnect_problem() const {
    std::string text =
        "the connection has ended with code " + std::to_string(close_code().value_or(ws::close_code::abnormal_closure));
    if (close_reason_) text += " (" + escape_for_log(*close_reason_) + ")";
    return {Problem::Kind::disconnect, std::move(text)};
}

template <class Write>
Problem WebSocket::send_by(Write&& write, std::size_t bytes, SendResult& result) {
    if (closed_) [[unlikely]] {
        result = SendResult::ended;
        return {};
    }
    if (!accepted_) [[unlikely]]
        return state_problem("send: call accept() first");
    // Senders that do not wait share a bound; one message may always go beyond it.
    if (transport_->buffered_amount() > settings_->max_buffered) [[unlikely]] {
        fail(ws::close_code::policy_violation, "slow consumer: max_buffered is full");
        result = SendResult::ended;
        return {};
    }
    write();
    if (observation_) [[unlikely]]
        observation_->count_sent(bytes);
    result = transport_->buffered_amount() > settings_->high_water ? SendResult::full : SendResult::sent;
    return {};
}

Problem WebSocket::send(MessageKind kind, base::Bytes payload, SendResult& result) {
    return send_by([&] { transport_->send(kind, payload); }, payload.size(), result);
}

Problem WebSocket::send_shared(const SharedMessage& message, SendResult& result) {
    return send_by([&] { transport_->send_shared(message); }, message.view().payload.size(), result);
}

bool WebSocket::is_above_low_water() const noexcept {
    return transport_ && transport_->buffered_amount() > settings_->low_water;
}

Problem WebSocket::another_receiver() {
    return state_problem("receive: another task is waiting for a message already; one task may receive at a time");
}

Problem WebSocket::try_receive(std::optional<Message>& message) {
    if (receiver_) return another_receiver();
    if (queue_) {
        const bool was_full = transport_ && !wants_messages();
        message = std::move(queue_->front());
        queue_->pop_front();
        queued_bytes_ -= message->data.size();
        if (queue_->empty()) queue_.reset();
        if (was_full && wants_messages()) transport_->resume_reading();
        return {};
    }
    if (closed_) {
        mark_end_seen();
        return disconnect_problem();
    }
    if (!accepted_) return state_problem("receive: call accept() first");
    return {};
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
        observation->report_request(request_);  // its handshake was refused, or the client did not wait
    }
}

void WebSocket::notify() {
    const base::IntrusivePtr<WebSocket> self(this);  // a woken handler may drop the last handle
    while (queue_ && receiver_) {
        Receiver& receiver = *std::exchange(receiver_, nullptr);
        std::optional<Message> message;
        static_cast<void>(try_receive(message));
        receiver.on_message(message->view());
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
