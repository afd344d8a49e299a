#include "server/websocket_session.hpp"

#include <algorithm>
#include <ctime>

#include "http/response.hpp"
#include "server/server.hpp"
#include "service/message_rate.hpp"
#include "ws/handshake.hpp"
#include "ws/permessage_deflate.hpp"

namespace proapi::server {

namespace {

[[nodiscard]] ws::ConnectionLimits make_limits(const service::WebSocketSettings& settings) noexcept {
    return {settings.max_message_size, static_cast<std::uint32_t>(settings.max_fragments),
            static_cast<std::uint32_t>(settings.max_empty_fragments)};
}

// How many events of one peer a turn handles, so that a peer that fills a read with tiny messages does not delay the
// others.
constexpr std::uint8_t events_a_turn = 64;

// How much a turn decompresses for one peer, see ws::Receiver::limit_decoding(): a few octets may stand for a thousand
// times as many.
constexpr std::size_t decoded_octets_a_turn = 256 * 1024;

// Windows of 4 KiB: with larger ones a connection takes much more memory, and most messages hardly become shorter.
constexpr ws::DeflateContext dedicated_context{.takeover = true, .window_bits = 12};
constexpr ws::DeflateContext shared_context{.takeover = false};

// From this size on, copying a message costs more than a system call of its own.
constexpr std::size_t large_message_bytes = 16 * 1024;

}  // namespace

WebSocketSession::WebSocketSession(Connection& connection, service::RequestInfo request,
                                   const service::WebSocketSettings& settings)
    : connection_(connection),
      settings_(settings),
      machine_(ws::Role::server, make_limits(settings)),
      websocket_(new service::WebSocket(std::move(request), settings, *this)),
      timer_(&Connection::call_on_time<WebSocketSession>, this) {}

// A token is there: the end of the turn takes the next message.
WebSocketSession::Rate::Rate(WebSocketSession& session)
    : bucket(service::make_message_bucket(session.settings_)),
      timer([](void* self) { static_cast<WebSocketSession*>(self)->connection_.flush_soon(); }, &session) {}

// on_end() has been called before, unless memory ran out.
WebSocketSession::~WebSocketSession() {
    websocket_->detach();
}

std::uint64_t WebSocketSession::now_ms() const noexcept {
    return connection_.server().reactor().now_ms();
}

void WebSocketSession::on_start(base::MutableBytes leftover) {
    // Frames may follow the request in the same segment; they wait until the handler has accepted.
    machine_.feed(leftover);
    machine_.retain_input();
    connection_.stop_reading();
    connection_.server().reactor().start_timer(timer_, connection_.server().settings().accept_timeout);
}

void WebSocketSession::accept(std::string_view subprotocol, const http::Headers& headers) {
    const std::string extensions = negotiate_compression();
    limit_client();
    machine_.output().append(
        ws::write_accept_response(ws::find_key(websocket_->request().head), subprotocol, headers, extensions));
    phase_ = Phase::open;
    last_heard_ms_ = now_ms();
    schedule_check(last_heard_ms_);
    paused_ = true;
    resume_reading();
}

// Begins to count what message_rate and max_lifetime limit.
void WebSocketSession::limit_client() {
    if (service::limits_message_rate(settings_)) rate_ = std::make_unique<Rate>(*this);
    if (settings_.max_lifetime.count() > 0) {
        const auto lifetime = connection_.server().service().next_lifetime(settings_.max_lifetime);
        lifetime_ends_ms_ = now_ms() + service::milliseconds(lifetime);
    }
}

// Returns the answer to the client's offers; empty: none is accepted.
std::string WebSocketSession::negotiate_compression() {
    if (settings_.compression == service::Compression::none) return {};
    const bool is_dedicated = settings_.compression == service::Compression::dedicated;
    const ws::PermessageDeflate extension({.context = is_dedicated ? dedicated_context : shared_context,
                                           .threshold_bytes = settings_.compression_threshold,
                                           .memory = &connection_.server().limit()->compression_memory()});
    auto agreement = ws::accept_extension(websocket_->request().head, extension);
    if (!agreement) return {};
    std::string answer = std::move(agreement->answer);
    machine_.use_extension(std::move(*agreement));
    return answer;
}

void WebSocketSession::reject(int status, std::string_view body, const http::Headers& headers) {
    begin_end([&] {
        const http::ResponseHead head{
            .status = status, .headers = headers, .content_length = body.size(), .keep_alive = false};
        machine_.output().append(http::write_response_head(head, connection_.server().date()));
        if (http::status_has_body(status)) machine_.output().append(body);
        phase_ = Phase::finished;
    });
    schedule_notify();
}

void WebSocketSession::send(service::MessageKind kind, base::Bytes payload, ws::Encoding encoding) {
    const ws::Opcode opcode = kind == service::MessageKind::text ? ws::Opcode::text : ws::Opcode::binary;
    if (payload.size() >= large_message_bytes && (encoding == ws::Encoding::none || !machine_.encodes(payload.size())))
        return send_large(opcode, payload);
    machine_.send_message(opcode, payload, encoding);
    connection_.flush_soon();
}

// Unlike send_large(), this does not write a large message at once: a shared one can wait without a copy, and at the
// end of the turn one request to the kernel serves all connections that share it.
void WebSocketSession::send_shared(service::SharedMessage& message) {
    machine_.send_shared(message.frame());
    connection_.flush_soon();
}

void WebSocketSession::send_large(ws::Opcode opcode, base::Bytes payload) {
    std::array<std::uint8_t, ws::max_frame_header_bytes> head;
    const std::size_t head_size = machine_.write_message_head(opcode, payload.size(), head);
    if (head_size > 0) connection_.send_at_once(base::Bytes(head).first(head_size), payload);
}

void WebSocketSession::close(std::uint16_t code, std::string_view reason) {
    begin_end([&] {
        machine_.send_close(code, reason);
        phase_ = Phase::closing;
        connection_.server().count_close(code);
        timer_.cancel();
        connection_.expect_end();
    });
    // The frames that the peer has already sent must be read to reach its Close.
    if (paused_) resume_reading();
}

// The application already sees this connection as closed. If `work` throws, nobody retries, so the connection is
// aborted at the end of the turn.
template <class Work>
void WebSocketSession::begin_end(Work&& work) {
    connection_.flush_soon();
    end_failed_ = true;
    work();
    end_failed_ = false;
}

void WebSocketSession::log_fault(std::uint16_t code, std::string_view reason) {
    connection_.server().log_peer_fault(websocket_->request().client, code, reason);
}

void WebSocketSession::resume_reading() {
    if (!paused_) return;
    connection_.flush_soon();  // the end of the turn takes the events, with no handler on the stack
}

void WebSocketSession::schedule_notify() {
    notify_ = true;
    connection_.flush_soon();
}

void WebSocketSession::on_read(base::MutableBytes bytes) {
    last_heard_ms_ = now_ms();
    is_large_ = false;
    machine_.feed(bytes);
    take_events();
    machine_.retain_input();
    // A peer that has sent a large message will most likely send more of them.
    connection_.expect_much(is_large_ || machine_.expected_payload_bytes() >= large_message_bytes);
}

void WebSocketSession::take_events() {
    if (const std::uint32_t turn = connection_.server().reactor().turn_number(); share_of_turn_ != turn) {
        share_of_turn_ = turn;
        events_left_ = events_a_turn;
        machine_.limit_decoding(decoded_octets_a_turn);
    }
    while (phase_ == Phase::open || phase_ == Phase::closing) {
        if (rate_ && must_wait_for_token()) [[unlikely]]
            return pause_for_token();
        const bool is_full = phase_ == Phase::open && !websocket_->wants_messages();
        if (is_full || events_left_ == 0) {
            paused_ = true;
            if (is_full) message_began_ms_ = 0;  // while nothing is read, message_timeout does not run
            connection_.stop_reading();
            if (!is_full || is_client_lost()) connection_.flush_soon();  // continue, or end, in the next turn
            return;
        }
        const ws::Event event = machine_.next_event();
        if (event.kind == ws::EventKind::need_data) {
            if (!machine_.has_input()) break;
            events_left_ = 0;  // the share of decoding is used up
        } else {
            --events_left_;
            handle(event);
        }
    }
    if (machine_.message_in_progress()) {
        if (message_began_ms_ == 0) message_began_ms_ = now_ms();
    } else {
        message_began_ms_ = 0;
    }
}

// Only between two messages can there be no token: the token that a message takes when it ends was there when it began.
// So message_timeout never runs meanwhile. What follows the last allowed message waits in its order, control frames
// too. While nothing follows, the socket is read, so that a client within its rate is never paused.
bool WebSocketSession::must_wait_for_token() const noexcept {
    return settings_.message_rate_action == service::RateAction::pause && phase_ == Phase::open &&
           machine_.has_input() && !rate_->bucket.has_token(now_ms());
}

void WebSocketSession::pause_for_token() {
    paused_ = true;
    connection_.stop_reading();
    connection_.server().reactor().start_timer(rate_->timer, service::Duration(rate_->bucket.wait_ms(now_ms())));
}

// Returns false, and closes the connection, if the client may send no further message now.
bool WebSocketSession::take_token() {
    if (rate_->bucket.take(now_ms())) return true;
    websocket_->fail(ws::close_code::policy_violation, service::describe_message_rate(settings_));
    return false;
}

void WebSocketSession::handle(const ws::Event& event) {
    switch (event.kind) {
        case ws::EventKind::message:
            if (rate_ && !take_token()) [[unlikely]]
                return;
            message_began_ms_ = 0;
            is_large_ = is_large_ || event.payload.size() >= large_message_bytes;
            websocket_->on_message(
                {event.opcode == ws::Opcode::text ? service::MessageKind::text : service::MessageKind::binary,
                 event.payload});
            return;
        case ws::EventKind::ping:
            // Pongs that the peer does not read are output like any other, with the same bound.
            if (machine_.output().size_bytes() > settings_.max_buffered) {
                websocket_->fail(ws::close_code::policy_violation, "slow consumer: max_buffered is full of pongs");
            }
            connection_.flush_soon();
            return;
        case ws::EventKind::close:
        case ws::EventKind::failed: {
            const bool was_ours = phase_ == Phase::closing;
            phase_ = Phase::finished;
            if (!was_ours) connection_.server().count_close(event.code);
            const std::string reason(base::as_text(event.payload));
            if (event.kind == ws::EventKind::failed) log_fault(event.code, reason);
            websocket_->on_close(event.code, reason);
            connection_.flush_soon();
            return;
        }
        case ws::EventKind::pong:
        case ws::EventKind::need_data:
            return;
    }
}

void WebSocketSession::on_read_end() {
    if (phase_ == Phase::finished) return;  // the last output is still to be written, see on_turn_end()
    if (phase_ == Phase::open && paused_ && machine_.has_input()) return;  // what arrived before the end comes first
    connection_.abort(net::Transport::CloseMode::orderly);
}

// Whether the client has left and the handler waits for exactly that, but does not read the messages before the end.
bool WebSocketSession::is_client_lost() const noexcept {
    if (!connection_.has_peer_finished() || !websocket_->ends_with_client()) return false;
    return phase_ == Phase::connecting || (phase_ == Phase::open && paused_ && !websocket_->wants_messages());
}

void WebSocketSession::on_output_written(bool had_waited) {
    if (had_waited) last_heard_ms_ = now_ms();  // a peer that reads is alive, even if its pong waits behind megabytes
    if (std::exchange(ping_is_queued_, false)) delivered_ = connection_.delivered_octets();
    websocket_->on_drained();
}

void WebSocketSession::on_turn_end() {
    if (end_failed_) return connection_.abort();
    if (paused_ && (phase_ == Phase::closing || (phase_ == Phase::open && websocket_->wants_messages()))) {
        paused_ = false;
        take_events();
        if (!paused_) {
            if (phase_ != Phase::finished) {
                if (connection_.has_read_ended()) return connection_.abort(net::Transport::CloseMode::orderly);
                connection_.start_reading();
            }
        }
    }
    if (is_client_lost()) return connection_.abort(net::Transport::CloseMode::orderly);
    if (std::exchange(notify_, false)) websocket_->notify();
    if (phase_ == Phase::finished) {
        timer_.cancel();
        connection_.finish();
    }
}

void WebSocketSession::on_shutdown() {
    if (phase_ == Phase::connecting) {
        websocket_->refuse(service::Refusal::stopping, {{"Retry-After", "1"}});
    } else {
        websocket_->fail(ws::close_code::going_away, "the server is stopping");
    }
}

void WebSocketSession::on_end() {
    timer_.cancel();
    if (phase_ == Phase::open) connection_.server().count_close(ws::close_code::abnormal_closure);
    phase_ = Phase::finished;
    websocket_->on_end();
}

void WebSocketSession::lose(std::string_view reason) {
    connection_.server().count_close(ws::close_code::abnormal_closure);
    phase_ = Phase::finished;
    log_fault(ws::close_code::abnormal_closure, reason);
    websocket_->on_close(ws::close_code::abnormal_closure, reason);
    connection_.abort();
}

void WebSocketSession::on_time() {
    switch (phase_) {
        case Phase::connecting:
            connection_.server().log_limited(service::LogLevel::warning,
                                             "503 " + service::escape_for_log(websocket_->request().head.raw_path()) +
                                                 ": the handler did not accept within accept_timeout");
            return websocket_->refuse(service::Refusal::accept_timeout);
        case Phase::open: {
            const std::uint64_t now = now_ms();
            if (now >= lifetime_ends_ms_)
                return websocket_->fail(ws::close_code::going_away, service::lifetime_is_over);
            watch_message(now);
            if (phase_ == Phase::open) check_life(now);
            return;
        }
        case Phase::closing:  // the connection waits for the peer's Close (RFC 6455 section 7.1.1)
        case Phase::finished:
            return;
    }
}

void WebSocketSession::watch_message(std::uint64_t now) {
    if (message_began_ms_ == 0 || now < message_began_ms_ + service::milliseconds(settings_.message_timeout)) return;
    websocket_->fail(ws::close_code::policy_violation, "a message did not end within message_timeout");
}

// The ping may wait behind megabytes in the kernel. Returns whether the kernel has delivered any octets since the ping
// was written, or since the last check.
bool WebSocketSession::is_taking_output() noexcept {
    if (connection_.undelivered_octets() == 0) return false;
    const std::uint32_t delivered = connection_.delivered_octets();
    return std::exchange(delivered_, delivered) != delivered;
}

// Any received octet shows that the peer is alive. While reading is paused, the silence is this side's, not the peer's.
// Pings are sent nevertheless, so that the kernel detects a peer that has disconnected.
void WebSocketSession::check_life(std::uint64_t now) {
    const std::uint64_t interval = service::milliseconds(settings_.ping_interval),
                        timeout = service::milliseconds(settings_.ping_timeout);
    // After a long turn, octets that have arrived may still be unread.
    if (ping_sent_ms_ > last_heard_ms_ && now >= ping_sent_ms_ + timeout && connection_.has_unread_octets())
        last_heard_ms_ = now;
    if (ping_sent_ms_ > last_heard_ms_ && now >= ping_sent_ms_ + timeout && is_taking_output()) last_heard_ms_ = now;
    if (ping_sent_ms_ > last_heard_ms_ && !paused_) {
        if (now >= ping_sent_ms_ + timeout) return lose("ping timeout");
    } else if (now >= std::max(last_heard_ms_, ping_sent_ms_) + interval) {
        machine_.send_ping({});
        ping_sent_ms_ = now;
        delivered_ = connection_.delivered_octets();
        ping_is_queued_ = true;
        connection_.flush_soon();
    }
    if (paused_) last_heard_ms_ = now;
    schedule_check(now);
}

void WebSocketSession::schedule_check(std::uint64_t now) noexcept {
    const std::uint64_t message_timeout = service::milliseconds(settings_.message_timeout);
    const std::uint64_t life_due = ping_sent_ms_ > last_heard_ms_
                                       ? ping_sent_ms_ + service::milliseconds(settings_.ping_timeout)
                                       : last_heard_ms_ + service::milliseconds(settings_.ping_interval);
    std::uint64_t due = std::min({life_due, now + message_timeout, lifetime_ends_ms_});
    if (message_began_ms_ != 0) due = std::min(due, message_began_ms_ + message_timeout);
    connection_.server().reactor().start_timer(timer_,
                                               service::Duration(std::max<std::uint64_t>(due - std::min(due, now), 1)));
}

}  // namespace proapi::server
