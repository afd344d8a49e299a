#include "server/http_session.hpp"

#include <algorithm>

#include "http/response.hpp"
#include "server/file_sender.hpp"
#include "server/server.hpp"
#include "server/websocket_session.hpp"
#include "service/origin.hpp"
#include "service/static_files.hpp"

namespace proapi::server {

namespace {

constexpr std::uint8_t requests_a_turn = 8;
// What was said of keep-alive is kept to for so much longer: the client's next request may be on its way.
constexpr service::Duration keep_alive_margin{1000};
// What a streamed response has that begins while the server stops.
constexpr service::Duration last_stream_time{500};
constexpr std::string_view stopping_text = "The server is stopping.";
constexpr std::uint8_t tls_handshake_record = 22;  // RFC 8446 section 5.1; no request begins so

[[nodiscard]] http::HeadLimits head_limits_of(const service::Settings& settings) noexcept {
    return {settings.max_request_line, settings.max_head, settings.max_fields};
}

[[nodiscard]] std::string join(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
    return out;
}

}  // namespace

HttpSession::HttpSession(Connection& connection, base::Address client)
    : connection_(connection),
      client_(std::move(client)),
      parser_(head_limits_of(connection.server().settings())),
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
    if (stopping_ && phase_ == Phase::body && !connection_.has_unread_octets())
        refuse({503, std::string(stopping_text)});  // as those that had begun before the stop
}

bool HttpSession::may_take() const noexcept {
    if (phase_ == Phase::idle)
        return taken_this_turn_ < requests_a_turn && output_.size_bytes() <= settings().high_water;
    return phase_ < Phase::responding;
}

base::MutableBytes HttpSession::take_head(base::MutableBytes bytes) {
    if (!parser_.has_begun() && bytes.front() == tls_handshake_record) {
        connection_.server().log_limited(service::LogLevel::info,
                                         "a TLS handshake came to a port of plain HTTP: its clients "
                                         "must say http:// and ws://, or a proxy must end the TLS");
        refuse_head({400, "This port serves plain HTTP (http:// and ws://), got a TLS handshake."});
        return {};
    }
    const base::MutableBytes rest = bytes.subspan(parser_.feed(bytes));
    if (parser_.has_begun()) idle_place_.unlink();
    switch (parser_.state()) {
        case http::ParseState::need_data:
            if (stopping_) {
                refuse_partial_head();
                return {};
            }
            if (phase_ == Phase::idle && parser_.has_begun()) {
                phase_ = Phase::head;
                // The first head's time runs since the connection was opened.
                if (has_served_) start_timer(settings().head_timeout);
            }
            if (!parser_.has_begun()) pass_over_empty_line();
            return {};
        case http::ParseState::failed:
            refuse_head(parser_.failure());
            return {};
        case http::ParseState::complete:
            break;
    }
    timer_.cancel();
    ++taken_this_turn_;
    on_head(rest);
    return phase_ == Phase::finished ? base::MutableBytes{} : rest;
}

// What follows can't be told from what was refused: the connection ends.
void HttpSession::refuse(const http::Failure& failure) {
    body_unread_ = true;
    answer(failure.status, failure.reason);
}

void HttpSession::refuse_head(const http::Failure& failure) {
    request_ = {};  // it is none of the request before
    refuse(failure);
}

void HttpSession::on_head(base::MutableBytes rest) {
    request_ = {.head = parser_.take_head(), .match = {}, .client = client_, .secure = false};
    const http::RequestHead& head = request_.head;
    keep_alive_ = head.keep_alive && !stopping_;
    body_unread_ = head.framing == http::BodyFraming::chunked || head.content_length > 0;
    const bool is_handshake = ws::is_upgrade_request(head);
    if (refuse_foreign_host(is_handshake)) return;
    if (is_handshake && try_upgrade(rest)) return;

    request_.match = connection_.server().site().router.match(head.method, head.raw_path());
    if (request_.match.kind != http::MatchKind::matched) return answer_unmatched();
    if (!body_unread_) return on_request({});

    body_.emplace(head, http::BodyLimits{.max_body_bytes = settings().max_body});
    if (body_->state() == http::ParseState::failed) return refuse(body_->failure());
    if (head.expects_continue) {
        output_.append("HTTP/1.1 100 Continue\r\n\r\n");
        connection_.flush_soon();
    }
    phase_ = Phase::body;
    body_received_ = 0;
    body_began_ms_ = connection_.server().reactor().now_ms();
    start_timer(settings().body_grace);
}

base::MutableBytes HttpSession::take_body(base::MutableBytes bytes) {
    const std::size_t taken = body_->feed(bytes);
    body_received_ += taken;
    if (body_->state() == http::ParseState::failed) {
        refuse(body_->failure());
        return {};
    }
    if (body_->state() == http::ParseState::complete) {
        timer_.cancel();
        std::string body = body_->take_body();
        body_.reset();
        body_unread_ = false;
        on_request(std::move(body));
    }
    return bytes.subspan(taken);
}

void HttpSession::on_peer_finished() {
    if (exchange_) exchange_->on_client_left();
    connection_.flush_soon();  // on_turn_end() looks at it
}

void HttpSession::on_read_end() {
    if (is_cut_) return;  // on_turn_end() ends it
    // A client may end its side after its last request and still wait for the answer.
    if (phase_ != Phase::responding && waiting_.empty()) connection_.finish();
}

// ---- whom a request is for --------------------------------------------------------------------------------------

bool HttpSession::refuse_foreign_host(bool is_handshake) {
    Server& server = connection_.server();
    const std::string wrong = service::check_host(request_.head, server.site(), {server.reach(), is_handshake});
    if (wrong.empty()) return false;
    server.log_limited(service::LogLevel::warning,
                       "421 " + service::escape_for_log(request_.head.raw_path()) + ": " + wrong);
    refuse({421, std::string(service::misdirected)});  // what follows may be frames
    return true;
}

bool HttpSession::try_upgrade(base::MutableBytes rest) {
    Server& server = connection_.server();
    http::Match match = server.site().router.match(http::websocket_method, request_.head.raw_path());
    if (match.kind != http::MatchKind::matched) return false;  // an ordinary request that may be upgraded, but is not

    ws::Refusal refusal;
    if (!ws::read_handshake(request_.head, refusal)) {
        refuse_upgrade(refusal);
        return true;
    }
    if (connection_.has_read_ended()) {
        refuse({400, "The client ended its side before its handshake was answered: expected it to wait."});
        return true;
    }
    if (stopping_) {  // it would be open for nobody to close
        answer(503, stopping_text, {{"Retry-After", "1"}});
        return true;
    }
    const service::WebSocketSettings& limits = server.site().routes[match.route].settings;
    const service::OriginVerdict verdict =
        service::judge_origin(request_.head, limits, server.settings(), server.reach());
    if (verdict == service::OriginVerdict::refused) {
        server.log_limited(service::LogLevel::warning, "403 " + service::escape_for_log(request_.head.raw_path()) +
                                                           ": " + service::describe_refused_origin(request_.head));
        refuse({403, "This origin may not connect."});  // what follows may be frames
        return true;
    }
    if (verdict == service::OriginVerdict::passes_in_development)
        server.log_development(service::describe_development(request_.head));
    request_.match = std::move(match);
    phase_ = Phase::finished;
    timer_.cancel();
    release_exchange();  // of the request before, if it was answered in this very turn
    auto session = std::make_unique<WebSocketSession>(connection_, std::move(request_), limits);
    auto websocket = session->websocket();
    connection_.start(std::move(session), rest);
    server.application().on_websocket(std::move(websocket));
    return true;
}

void HttpSession::refuse_upgrade(const ws::Refusal& refusal) {
    body_unread_ = true;  // what follows may be frames: it must not be read as a request
    http::Headers headers = refusal.headers;
    headers.remove("Connection");
    answer(refusal.status, refusal.reason, std::move(headers));
}

void HttpSession::on_request(std::string body) {
    phase_ = Phase::responding;
    release_exchange();  // the one before may have been answered in this very turn
    Server& server = connection_.server();
    const service::Route& route = server.site().routes[request_.match.route];
    exchange_ = base::IntrusivePtr<service::Exchange>(new service::Exchange(
        std::move(request_), std::move(body), *this, settings().high_water, settings().low_water));
    if (connection_.has_peer_finished()) exchange_->on_client_left();
    if (route.kind == service::Route::Kind::files) return serve_file();
    server.application().on_request(exchange_);
}

void HttpSession::serve_file() {
    service::StaticFile found = service::serve_files(connection_.server().site(), exchange_->request());
    if (found.file) {
        static_cast<void>(exchange_->respond_with_file(found.status, found.headers, std::move(*found.file)));
    } else {
        if (found.error != 0)
            connection_.server().log_limited(service::LogLevel::error,
                                             std::to_string(found.status) + " " +
                                                 service::escape_for_log(exchange_->request().head.raw_path()) + ": " +
                                                 base::error_text(found.error));
        static_cast<void>(exchange_->respond(found.status, found.headers, found.text));
    }
}

void HttpSession::answer_unmatched() {
    switch (request_.match.kind) {
        case http::MatchKind::bad_path:
            return answer(400, "The path is not percent-encoded UTF-8 without NUL.");
        case http::MatchKind::websocket_only:
            return answer(426, "This address speaks WebSocket.", {{"Upgrade", "websocket"}});
        case http::MatchKind::wrong_method: {
            const http::Router& router = connection_.server().site().router;
            return answer(405, "This address does not serve that method.",
                          {{"Allow", join(router.allowed_methods(request_.head.raw_path()))}});
        }
        default:
            return answer(404, "Nothing is served at this address.");
    }
}

// ---- responding -------------------------------------------------------------------------------------------------

void HttpSession::answer(int status, std::string_view text, http::Headers headers) {
    if (body_unread_) keep_alive_ = false;
    phase_ = Phase::responding;
    headers.add("Content-Type", "text/plain; charset=utf-8");
    const std::string body = std::string(text) + "\n";
    release_exchange();  // this request has none: its head is still in request_
    write_head(status, headers, body.size());
    write_body(base::as_bytes(body));
    finish_response();
}

void HttpSession::write_head(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length) {
    const http::RequestHead& request = exchange_ ? exchange_->request().head : request_.head;
    if (!content_length && request.minor_version == 0) keep_alive_ = false;
    const http::ResponseHead head{.status = status,
                                  .headers = headers,
                                  .content_length = content_length,
                                  .keep_alive = keep_alive_,
                                  .minor_version = request.minor_version,
                                  .keep_alive_timeout = settings().keep_alive_timeout};
    suppress_body_ = request.method == "HEAD" || !http::status_has_body(status);
    in_chunks_ = http::streams_in_chunks(head) && !suppress_body_;
    until_close_ = !content_length && !in_chunks_ && !suppress_body_;
    if (stopping_ && (in_chunks_ || until_close_)) start_timer(last_stream_time);
    output_.append(http::write_response_head(head, connection_.server().date()));
    connection_.flush_soon();
}

void HttpSession::write_body(base::Bytes bytes) {
    if (suppress_body_ || bytes.empty()) return;
    if (in_chunks_) {
        append_chunk(bytes);
    } else {
        output_.append(bytes);
    }
    connection_.flush_soon();
}

// In one piece: where there is no memory for it, nothing of it is in the output.
void HttpSession::append_chunk(base::Bytes bytes) {
    const std::string prefix = http::chunk_prefix(bytes.size());
    std::uint8_t* place = output_.append_uninitialized(prefix.size() + bytes.size() + http::chunk_suffix.size());
    place = std::ranges::copy(prefix, place).out;
    place = std::ranges::copy(bytes, place).out;
    std::ranges::copy(http::chunk_suffix, place);
}

bool HttpSession::take_file() {
    if (!file_) file_ = FileSender::make(connection_);
    return file_ != nullptr;
}

void HttpSession::write_file(service::FileBody file) {
    if (suppress_body_ || file.length == 0) return finish_response();
    file_->start(std::move(file));
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
    if (in_chunks_) output_.append(http::last_chunk);
    in_chunks_ = false;
    if (keep_alive_) {
        phase_ = Phase::idle;
        await_next_request();
    } else {
        phase_ = Phase::finished;
    }
    connection_.flush_soon();
}

// No disk that is alive takes that long.
void HttpSession::give_file_up() {
    connection_.server().log_limited(service::LogLevel::error,
                                     "a file's sending was cut: it gave nothing within write_timeout");
    abort_response();
}

// A length that is not reached, and chunks without a last one, show the client that the response is not whole; a body
// that ends with the connection shows it by RST alone.
void HttpSession::abort_response() {
    file_.reset();
    phase_ = Phase::finished;
    is_cut_ = until_close_;
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
    if (phase_ == Phase::responding) {
        // A client that leaves while a response without end comes has had enough: nothing else would tell a quiet
        // stream.
        if (connection_.has_peer_finished() && exchange_ && exchange_->ends_with_client())
            connection_.abort(net::Stream::CloseMode::orderly);
        return;
    }
    release_exchange();
    if (is_cut_) {  // once the answers before it have gone
        if (output_.empty()) return connection_.abort();
        if (is_cut_by_stop_) connection_.expect_end(Connection::Patience::little);
        return;
    }
    if (phase_ == Phase::finished)
        return connection_.finish(is_cut_by_stop_ ? Connection::Patience::little : Connection::Patience::usual);
    taken_this_turn_ = 0;
    if (!waiting_.empty() && may_take()) {
        std::string next = std::exchange(waiting_, {});
        take({reinterpret_cast<std::uint8_t*>(next.data()), next.size()});
        if (phase_ >= Phase::responding || taken_this_turn_ == requests_a_turn) connection_.flush_soon();
    }
    if (waiting_.empty() && phase_ < Phase::responding) {
        if (connection_.has_read_ended()) return connection_.finish();
        connection_.start_reading();
        look_for_idleness();
    }
}

// One may come before a request (RFC 9112 section 2.2), and is none, even where its two octets come apart.
void HttpSession::pass_over_empty_line() {
    if (std::exchange(phase_, Phase::idle) == Phase::head && has_served_) await_next_request();
    look_for_idleness();
}

void HttpSession::await_next_request() {
    undelivered_ = 0;
    start_idle_timer();
}

void HttpSession::start_idle_timer() {
    start_timer(settings().keep_alive_timeout + keep_alive_margin);
}

// The kernel has the whole of the last answer: whichever of its end and the writing came last.
void HttpSession::look_for_idleness() {
    if (phase_ == Phase::idle && has_served_ && output_.empty() && waiting_.empty() && !idle_place_.is_linked())
        connection_.server().add_idle(idle_place_);
}

// Its time begins once the client has the whole of the last answer. One that takes nothing any more has had it.
void HttpSession::end_idleness() {
    const std::size_t undelivered = connection_.undelivered_octets(), before = std::exchange(undelivered_, undelivered);
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::ceil<std::chrono::seconds>(settings().keep_alive_timeout + keep_alive_margin).count());
    // It was not looked at before, or is delivered now, or goes on at the pace that bodies must have, too.
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
            // What the client has sent meanwhile is still answered.
            if (!waiting_.empty() || connection_.has_unread_octets()) return;
            return connection_.finish();
        case Phase::head:
            return refuse_partial_head();
        case Phase::body:
            return refuse({503, std::string(stopping_text)});
        case Phase::responding:
            return cut_stream();
        case Phase::finished:
            return connection_.finish();
    }
}

// The server stops: a response without a length may go on for ever.
void HttpSession::cut_stream() {
    if (!exchange_ || !exchange_->is_endless()) return;
    is_cut_by_stop_ = true;
    abort_response();
}

// The server stops, and no request is whole.
void HttpSession::refuse_partial_head() {
    if (!parser_.has_begun()) return connection_.finish();
    refuse_head({503, std::string(stopping_text)});
}

void HttpSession::on_end() {
    timer_.cancel();
    idle_place_.unlink();
    phase_ = Phase::finished;
    release_exchange();
}

void HttpSession::on_time() {
    if (phase_ == Phase::idle) return end_idleness();
    if (phase_ == Phase::head) return refuse_head({408, "The request's head did not end within head_timeout."});
    if (phase_ == Phase::responding) return file_ ? give_file_up() : cut_stream();
    if (phase_ != Phase::body) return;
    // Each stretch of time is judged for itself: a burst buys no silence.
    const std::uint64_t now = connection_.server().reactor().now_ms();
    if (body_received_ * 1000 < settings().min_body_rate * (now - body_began_ms_))
        return refuse({408, "The request's body came more slowly than min_body_rate."});
    body_received_ = 0;
    body_began_ms_ = now;
    start_timer(settings().body_grace);
}

}  // namespace proapi::server
