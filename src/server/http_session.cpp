#include "server/http_session.hpp"

#include "server/file_sender.hpp"
#include "server/server.hpp"
#include "server/websocket_session.hpp"
#include "service/real_client.hpp"
#include "ws/handshake.hpp"

namespace proapi::server {

namespace {

constexpr std::uint8_t requests_a_turn = 8;
// The connection stays open this much longer than Keep-Alive announces: the client's next request may be on its way.
constexpr service::Duration keep_alive_margin{1000};
// How long a streamed response may last that begins while the server stops.
constexpr service::Duration last_stream_time{500};
// How long a request may take to arrive that is on its way when the stop begins. A proxy that has just connected is
// about to send one, and may send its body separately.
constexpr service::Duration arrival_time{500};
constexpr std::uint8_t tls_handshake_record = 22;  // RFC 8446 section 5.1; no request begins with this octet

[[nodiscard]] http::HeadLimits make_head_limits(const service::Settings& settings) noexcept {
    return {settings.max_request_line, settings.max_head, settings.max_fields};
}

}  // namespace

HttpSession::HttpSession(Connection& connection, Peer peer)
    : connection_(connection),
      peer_(std::move(peer)),
      parser_(make_head_limits(connection.server().settings())),
      timer_(&Connection::call_on_time<HttpSession>, this) {}

HttpSession::~HttpSession() = default;

const service::Settings& HttpSession::settings() const noexcept {
    return connection_.server().settings();
}

void HttpSession::start_timer(service::Duration timeout) {
    connection_.server().reactor().start_timer(timer_, timeout);
}

// ---- reading ----------------------------------------------------------------------------------------------------

void HttpSession::on_start(base::MutableBytes) {
    start_timer(settings().head_timeout);
    connection_.start_reading();
}

void HttpSession::on_read(base::MutableBytes bytes) {
    take(bytes);
}

void HttpSession::take(base::MutableBytes bytes) {
    while (!bytes.empty() && may_take()) bytes = phase_ == Phase::body ? take_body(bytes) : take_head(bytes);
    if (!bytes.empty() && phase_ != Phase::finished) {
        waiting_.append(base::as_text(bytes));
        connection_.stop_reading();
    }
}

bool HttpSession::may_take() const noexcept {
    if (phase_ == Phase::idle)
        return taken_this_turn_ < requests_a_turn && output_.size_bytes() <= settings().high_water;
    return phase_ == Phase::head || (phase_ == Phase::body && exchange_->wants_body());
}

bool HttpSession::may_read() const noexcept {
    return phase_ < Phase::body || (phase_ == Phase::body && exchange_->wants_body());
}

base::MutableBytes HttpSession::take_head(base::MutableBytes bytes) {
    if (!parser_.has_begun() && bytes.front() == tls_handshake_record && !connection_.is_secure()) {
        connection_.server().log_limited(service::LogLevel::info,
                                         "a TLS handshake came to a port of plain HTTP: its clients "
                                         "must say http:// and ws://, or a proxy must end the TLS");
        refuse_head(describe(service::Refusal::plain_port));
        return {};
    }
    const base::MutableBytes rest = bytes.subspan(parser_.feed(bytes));
    if (parser_.has_begun()) idle_link_.unlink();
    switch (parser_.state()) {
        case http::ParseState::need_data:
            if (phase_ == Phase::idle && parser_.has_begun()) {
                phase_ = Phase::head;
                // The time for the first head runs from the opening of the connection, for the last from the stop.
                if (has_served_ && !stopping_) start_timer(settings().head_timeout);
            }
            if (!parser_.has_begun()) pass_over_empty_line();
            return {};
        case http::ParseState::failed:
            refuse_head(http::describe(parser_.error()));
            return {};
        case http::ParseState::complete:
            break;
    }
    timer_.cancel();
    ++taken_this_turn_;
    on_head(rest);
    return phase_ == Phase::finished ? base::MutableBytes{} : rest;
}

// The end of the refused octets is unknown, so the connection must end.
void HttpSession::refuse_head(service::RefusalText refusal) {
    refuse_request(make_request({}), refusal);
}

void HttpSession::refuse_request(service::RequestInfo request, service::RefusalText refusal) {
    keep_alive_ = false;
    begin_exchange(std::move(request), service::Exchange::Body::none);
    connection_.server().service().open_malformed(exchange_, refusal);
}

service::RequestInfo HttpSession::make_request(http::RequestHead head) const {
    service::RequestInfo request{.head = std::move(head),
                                 .match = {},
                                 .client = peer_.address,
                                 .reach = peer_.reach,
                                 .secure = connection_.is_secure()};
    if (request.secure) request.client_certificate = connection_.client_certificate();
    return request;
}

void HttpSession::on_head(base::MutableBytes rest) {
    Server& server = connection_.server();
    service::RequestInfo request = make_request(parser_.take_head());
    if (peer_.is_trusted_proxy &&
        !service::take_real_client(request, server.service().site(), server.trusted_proxies()))
        return refuse_request(std::move(request), describe(service::Refusal::bad_forwarded_host));
    const http::RequestHead& head = request.head;
    if (ws::is_upgrade_request(head)) request.kind = service::RequestKind::handshake;
    if (peer_.is_trusted_proxy && !count_client(request))
        return refuse_request(std::move(request), describe(service::Refusal::too_many_of_client));
    keep_alive_ = head.keep_alive && !stopping_;
    body_unread_ = head.framing == http::BodyFraming::chunked || head.content_length > 0;
    leftover_ = rest;
    begin_exchange(std::move(request), body_unread_ ? service::Exchange::Body::waiting : service::Exchange::Body::none);
    server.service().open(exchange_);
    leftover_ = {};
}

// A proxy's connection carries the requests of many clients, but a WebSocket is one client's as long as it lives.
bool HttpSession::count_client(const service::RequestInfo& request) {
    connection_.count_for({});
    if (request.kind != service::RequestKind::handshake) return true;
    auto client = connection_.server().count_client(request.client);
    if (!client) return false;
    connection_.count_for(*std::move(client));
    return true;
}

void HttpSession::begin_exchange(service::RequestInfo request, service::Exchange::Body body) {
    release_exchange();  // the previous one may have been answered in this turn
    phase_ = Phase::responding;
    exchange_ = base::IntrusivePtr<service::Exchange>(
        new service::Exchange(std::move(request), body, *this, settings().high_water, settings().low_water));
    if (connection_.has_peer_finished()) exchange_->on_client_left();
}

// ---- the body ---------------------------------------------------------------------------------------------------

bool HttpSession::has_body_arrived() const noexcept {
    return leftover_.size() + waiting_.size() >= exchange_->request().head.content_length;
}

void HttpSession::start_body(std::uint64_t max_bytes) {
    const http::RequestHead& head = exchange_->request().head;
    body_.emplace(head, http::BodyLimits{.max_body_bytes = max_bytes});
    if (body_->state() == http::ParseState::failed) return fail_body(http::describe(body_->error()));
    if (head.expects_continue) output_.append("HTTP/1.1 100 Continue\r\n\r\n");
    phase_ = Phase::body;
    watch_body();
    connection_.flush_soon();
}

void HttpSession::watch_body() {
    body_received_ = 0;
    body_began_ms_ = connection_.server().reactor().now_ms();
    start_timer(stopping_ && exchange_->collects_body() ? arrival_time : settings().body_grace);
}

// The handler reads more slowly than the client sends.
void HttpSession::pause_body() {
    timer_.cancel();
    connection_.stop_reading();
}

base::MutableBytes HttpSession::take_body(base::MutableBytes bytes) {
    if (!timer_.is_running()) watch_body();  // reading was paused
    const std::size_t taken = body_->feed(bytes);
    body_received_ += taken;
    switch (body_->state()) {
        case http::ParseState::failed:
            fail_body(http::describe(body_->error()));
            return {};
        case http::ParseState::need_data:
            if (exchange_->wants_parts()) exchange_->on_body(body_->take_body());
            if (phase_ == Phase::body && !exchange_->wants_body()) pause_body();
            break;
        case http::ParseState::complete: {
            timer_.cancel();
            std::string last = body_->take_body();
            body_.reset();
            body_unread_ = false;
            phase_ = Phase::responding;
            exchange_->on_body_end(std::move(last));
            break;
        }
    }
    if (exchange_ && exchange_->wants_to_decode()) connection_.flush_soon();  // on_turn_end() goes on with it
    return bytes.subspan(taken);
}

void HttpSession::fail_body(service::RefusalText refusal) {
    timer_.cancel();
    if (!exchange_->collects_body()) exchange_->on_body(body_->take_body());  // deliver what arrived before the failure
    body_.reset();
    phase_ = Phase::responding;
    exchange_->on_body_failed(refusal);
}

void HttpSession::on_peer_finished() {
    if (exchange_) exchange_->on_client_left();
    connection_.flush_soon();  // on_turn_end() checks for it
}

void HttpSession::on_read_end() {
    if (is_cut_) return;  // on_turn_end() ends it
    // A client may end its side after its last request and still wait for the answer.
    if (phase_ != Phase::responding && waiting_.empty()) connection_.finish();
}

void HttpSession::on_failure(std::string_view why) {
    connection_.server().log_transport_failure(peer_.address, why);
}

base::IntrusivePtr<service::WebSocket> HttpSession::upgrade(service::Exchange& exchange,
                                                            const service::WebSocketSettings& settings) {
    if (connection_.has_read_ended()) return nullptr;
    auto session = std::make_unique<WebSocketSession>(connection_, exchange.take_request(), settings);
    auto websocket = session->websocket();
    phase_ = Phase::finished;
    timer_.cancel();
    exchange_.reset();
    connection_.start(std::move(session), leftover_);
    return websocket;
}

// ---- responding -------------------------------------------------------------------------------------------------

void HttpSession::write_head(const service::ResponseStart& start) {
    const std::uint8_t minor_version = exchange_->request().head.minor_version;
    if (body_unread_ || (!start.content_length && minor_version == 0)) keep_alive_ = false;
    const http::ResponseHead head{.status = start.status,
                                  .headers = start.headers,
                                  .content_length = start.content_length,
                                  .keep_alive = keep_alive_,
                                  .minor_version = minor_version,
                                  .keep_alive_timeout = settings().keep_alive_timeout};
    encoder_ = start.has_body ? http::BodyEncoder(head) : http::BodyEncoder();
    if (stopping_ && encoder_.is_endless()) start_timer(last_stream_time);
    output_.append(http::write_response_head(head, connection_.server().date()));
    connection_.flush_soon();
}

void HttpSession::write_body(base::Bytes bytes) {
    encoder_.write(bytes, output_);
    connection_.flush_soon();
}

base::CompressionMemory& HttpSession::compression_memory() noexcept {
    return connection_.server().limit()->compression_memory();
}

bool HttpSession::take_file() {
    if (!file_) file_ = FileSender::make(connection_);
    return file_ != nullptr;
}

void HttpSession::write_file(service::FileBody file) {
    if (phase_ == Phase::body) {  // nobody reads the rest of the body any more
        body_.reset();
        phase_ = Phase::responding;
        pause_body();
    }
    file_->start(std::move(file), encoder_);
    connection_.flush_soon();
}

void HttpSession::pump_file() {
    if (!file_) return;
    switch (file_->pump()) {
        case FileSender::Progress::sending:
            return file_->is_reading() ? start_timer(settings().write_timeout) : timer_.cancel();
        case FileSender::Progress::sent:
            return finish_response();
        case FileSender::Progress::failed:
            return abort_response();
    }
}

void HttpSession::finish_response() {
    file_.reset();
    has_served_ = true;
    if (std::exchange(body_, std::nullopt)) timer_.cancel();  // answered before the body was whole
    encoder_.finish(output_);
    encoder_ = {};
    if (keep_alive_) {
        phase_ = Phase::idle;
        await_next_request();
    } else {
        phase_ = Phase::finished;
    }
    connection_.flush_soon();
}

// No working disk takes that long.
void HttpSession::abandon_file() {
    connection_.server().log_limited(service::LogLevel::error,
                                     "a file was cut: nothing of it could be read within write_timeout");
    abort_response();
}

// An unreached length, or chunks without a last one, show the client that the response is incomplete. A body that ends
// with the connection can only show it by RST.
void HttpSession::abort_response() {
    file_.reset();
    phase_ = Phase::finished;
    is_cut_ = encoder_.ends_with_connection();
    connection_.flush_soon();
}

// ---- the connection's calls -------------------------------------------------------------------------------------

void HttpSession::on_output_written(bool) {
    if (exchange_) exchange_->on_drained();
    look_for_idleness();
    if (file_ || !waiting_.empty() || is_cut_) connection_.flush_soon();
}

void HttpSession::on_turn_end() {
    pump_file();
    if (exchange_ && exchange_->wants_to_decode()) {
        exchange_->decode_body();
        connection_.flush_soon();
    }
    if (phase_ == Phase::responding || phase_ == Phase::body) {
        // A client that leaves during an endless response wants no more of it. On a quiet stream nothing else would
        // reveal that.
        if (connection_.has_peer_finished() && exchange_ && exchange_->ends_with_client())
            return connection_.abort(net::Transport::CloseMode::orderly);
        if (phase_ == Phase::responding) return;
    } else {
        release_exchange();
    }
    if (is_cut_) {  // once the earlier answers have been sent
        if (output_.empty()) return connection_.abort();
        if (is_cut_by_stop_) connection_.expect_end(Connection::Patience::little);
        return;
    }
    if (phase_ == Phase::finished)
        return connection_.finish(is_cut_by_stop_ ? Connection::Patience::little : Connection::Patience::usual);
    taken_this_turn_ = 0;
    take_waiting();
    if (waiting_.empty() && may_read()) {
        if (connection_.has_read_ended()) return connection_.finish();
        connection_.start_reading();
        look_for_idleness();
    }
}

void HttpSession::take_waiting() {
    if (waiting_.empty() || !may_take()) return;
    std::string next = std::exchange(waiting_, {});
    take({reinterpret_cast<std::uint8_t*>(next.data()), next.size()});
    if (phase_ >= Phase::responding || taken_this_turn_ == requests_a_turn) connection_.flush_soon();
}

// One empty line may precede a request (RFC 9112 section 2.2). It is not the start of a request, even if its two octets
// arrive separately.
void HttpSession::pass_over_empty_line() {
    if (std::exchange(phase_, Phase::idle) == Phase::head && has_served_) await_next_request();
    look_for_idleness();
}

void HttpSession::await_next_request() {
    undelivered_ = 0;
    if (!stopping_) start_idle_timer();
}

void HttpSession::start_idle_timer() {
    start_timer(settings().keep_alive_timeout + keep_alive_margin);
}

// The connection is idle once the kernel has taken all of the last answer. Called when the answer ends and when output
// is written, whichever comes last.
void HttpSession::look_for_idleness() {
    if (phase_ == Phase::idle && has_served_ && output_.empty() && waiting_.empty() && !idle_link_.is_linked())
        connection_.server().add_idle(idle_link_);
}

// Idle time begins once the client has received all of the last answer. A client that takes nothing any more does not
// extend it.
void HttpSession::end_idleness() {
    const std::size_t undelivered = connection_.undelivered_octets(), before = std::exchange(undelivered_, undelivered);
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::ceil<std::chrono::seconds>(settings().keep_alive_timeout + keep_alive_margin).count());
    // The answer was not checked before, or is delivered now, or is taken at min_body_rate at least.
    const bool goes_on = before == 0 || undelivered == 0 || undelivered + settings().min_body_rate * seconds <= before;
    if (!waiting_.empty() || (undelivered != before && goes_on)) return start_idle_timer();
    connection_.finish();
}

void HttpSession::release_exchange() {
    file_.reset();
    if (auto exchange = std::exchange(exchange_, nullptr)) exchange->on_end();
}

void HttpSession::on_shutdown() {
    stopping_ = true;
    keep_alive_ = false;
    if (is_cut_) {
        is_cut_by_stop_ = true;
        return connection_.flush_soon();
    }
    switch (phase_) {
        case Phase::idle:
            if (has_served_ && waiting_.empty() && !connection_.has_unread_octets()) return connection_.finish();
            return start_timer(arrival_time);
        case Phase::head:
            return start_timer(arrival_time);
        case Phase::body:
            return exchange_->collects_body() ? start_timer(arrival_time) : cut_stream();
        case Phase::responding:
            return cut_stream();
        case Phase::finished:
            return connection_.finish();
    }
}

// The server stops: a response without a length may never end.
void HttpSession::cut_stream() {
    if (!exchange_ || !exchange_->is_endless()) return;
    is_cut_by_stop_ = true;
    abort_response();
}

// The server stops, and no request has arrived in time.
void HttpSession::end_arrival() {
    if (phase_ == Phase::body) return fail_body(describe(service::Refusal::stopping));
    if (parser_.has_begun()) return refuse_head(describe(service::Refusal::stopping));
    if (waiting_.empty()) return connection_.finish();
    start_timer(arrival_time);  // a request waits until the client has read earlier answers
}

void HttpSession::on_end() {
    timer_.cancel();
    idle_link_.unlink();
    phase_ = Phase::finished;
    release_exchange();
}

void HttpSession::on_time() {
    if (!connection_.is_established()) return connection_.abort();  // the handshake has used up head_timeout
    const bool is_arriving = phase_ < Phase::body || (phase_ == Phase::body && exchange_->collects_body());
    if (stopping_ && is_arriving) return end_arrival();
    if (phase_ == Phase::idle) return end_idleness();
    if (phase_ == Phase::head) return refuse_head(describe(service::Refusal::head_timeout));
    if (phase_ == Phase::responding) return file_ ? abandon_file() : cut_stream();
    if (phase_ != Phase::body) return;
    // Each body_grace is judged separately: a burst does not make up for silence.
    const std::uint64_t now = connection_.server().reactor().now_ms();
    if (body_received_ * 1000 < settings().min_body_rate * (now - body_began_ms_))
        return fail_body(describe(service::Refusal::slow_body));
    watch_body();
}

}  // namespace proapi::server
