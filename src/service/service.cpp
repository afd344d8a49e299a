#include "service/service.hpp"

#include "http/content_coding.hpp"
#include "service/host_rule.hpp"
#include "service/origin.hpp"
#include "service/static_files.hpp"
#include "service/websocket.hpp"
#include "ws/handshake.hpp"

namespace proapi::service {

namespace {

[[nodiscard]] std::string join(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
    return out;
}

}  // namespace

void Service::open(base::IntrusivePtr<Exchange> exchange) {
    begin(*exchange);
    if (site_.middleware.empty()) [[likely]]
        return route(*exchange);
    pass_in(std::move(exchange), 0);
}

void Service::begin(Exchange& exchange) {
    if (site_.settings.compress) exchange.compress_from(site_.settings.compression_threshold);
    if (!site_.middleware.empty()) exchange.set_middleware(site_.middleware);
    if (site_.answered_refusals) exchange.set_refusal_listener(this);
    if (!observers_.empty()) exchange.set_observation(std::make_unique<Observation>(observers_, clock_));
}

void Service::pass_in(base::IntrusivePtr<Exchange> exchange, std::size_t position) {
    if (position == site_.middleware.size()) return route(*exchange);
    site_.middleware[position]->open(std::move(exchange), Next(*this, position + 1));
}

void Service::set_match(Exchange& exchange, std::string_view method) {
    exchange.set_match(site_.router.match(method, exchange.request().route_path()));
    const http::Match& match = exchange.request().match;
    if (Observation* observation = exchange.observation(); observation && match.kind == http::MatchKind::matched)
        observation->set_route(site_.routes[match.route].pattern);
}

void Service::route(Exchange& exchange) {
    const RequestInfo& request = exchange.request();
    if (refuse_foreign_host(exchange)) return;
    if (request.kind != RequestKind::http && open_websocket(exchange)) return;

    set_match(exchange, request.head.method);
    if (request.match.kind != http::MatchKind::matched) return refuse_unmatched(exchange);
    if (refuse_coding(exchange)) return;
    const Route& route = site_.routes[request.match.route];
    if (!exchange.is_body_whole()) {
        const std::uint64_t max_bytes = route.http_settings.max_body_size;
        if (route.body == Route::Body::whole || exchange.is_body_decided(max_bytes))
            return exchange.collect_body(*this, max_bytes);
        exchange.limit_body(max_bytes);
    }
    on_body_collected(exchange);
}

void Service::on_body_collected(Exchange& exchange) {
    if (site_.routes[exchange.request().match.route].kind == Route::Kind::files && !site_.passes_files_to_application)
        return respond_with_static_file(exchange);
    pass_to_application(exchange);
}

void Service::pass_to_application(Exchange& exchange) {
    exchange.set_refusal_listener(nullptr);
    application_.on_request(base::IntrusivePtr<Exchange>(&exchange));
}

bool Service::wants_refusal(int status) const noexcept {
    return status >= 0 && static_cast<std::size_t>(status) < site_.answered_refusals->size() &&
           (*site_.answered_refusals)[static_cast<std::size_t>(status)];
}

void Service::on_refusal(Exchange& exchange) {
    exchange.limit_body(site_.settings.max_body_size);
    pass_to_application(exchange);
}

void Service::open_malformed(base::IntrusivePtr<Exchange> exchange, RefusalText refusal) {
    const base::IntrusivePtr<Exchange> kept = std::move(exchange);  // its session may drop its own while it is refused
    begin(*kept);
    kept->set_refusal_listener(nullptr);
    kept->end_connection();
    kept->refuse(refusal.status, refusal.text);
}

// The octets after a refused handshake may be frames; they must not be read as a request.
void Service::refuse_and_end(Exchange& exchange, Refusal refusal) {
    exchange.end_connection();
    exchange.refuse(refusal);
}

void Service::log_refusal(LogLevel level, int status, const Exchange& exchange, std::string_view text) {
    log_.write(level, std::to_string(status) + " " + escape_for_log(exchange.request().head.raw_path()) + ": " +
                          std::string(text));
}

bool Service::refuse_foreign_host(Exchange& exchange) {
    const auto checked = check_host(exchange.request(), site_);
    if (checked) return false;
    log_refusal(LogLevel::warning, describe(Refusal::misdirected).status, exchange, checked.error().text);
    refuse_and_end(exchange, Refusal::misdirected);
    return true;
}

// Returns false for an ordinary request that asks for an upgrade but is served without one (RFC 9110 section 7.8).
bool Service::open_websocket(Exchange& exchange) {
    const RequestInfo& request = exchange.request();
    set_match(exchange, http::websocket_method);
    if (request.match.kind != http::MatchKind::matched) {
        if (request.kind == RequestKind::handshake) return false;
        exchange.refuse(request.match.kind == http::MatchKind::bad_path ? Refusal::bad_path : Refusal::not_found);
        return true;
    }
    if (request.kind == RequestKind::handshake && refuse_handshake(exchange)) return true;
    if (stopping_) {
        exchange.refuse(Refusal::stopping, {{"Retry-After", "1"}});
        return true;
    }
    const WebSocketSettings& settings = site_.routes[request.match.route].settings;
    if (refuse_origin(exchange, settings)) return true;
    if (auto websocket = exchange.upgrade(settings)) {
        application_.on_websocket(std::move(websocket));
    } else {
        refuse_and_end(exchange, Refusal::client_does_not_wait);
    }
    return true;
}

bool Service::refuse_handshake(Exchange& exchange) {
    const auto handshake = ws::read_handshake(exchange.request().head);
    if (handshake) return false;
    http::Headers headers = handshake.error().headers;
    headers.remove("Connection");
    exchange.end_connection();
    exchange.refuse(handshake.error().status(), handshake.error().text, std::move(headers));
    return true;
}

bool Service::refuse_origin(Exchange& exchange, const WebSocketSettings& route) {
    const RequestInfo& request = exchange.request();
    switch (judge_origin(request.head, route, site_.settings, request.reach)) {
        case OriginVerdict::passes:
            return false;
        case OriginVerdict::passes_in_development:
            if (!std::exchange(development_logged_, true))
                log_.write(LogLevel::warning, describe_development(request.head));
            return false;
        case OriginVerdict::refused:
            break;
    }
    log_refusal(LogLevel::warning, describe(Refusal::foreign_origin).status, exchange,
                describe_refused_origin(request.head));
    refuse_and_end(exchange, Refusal::foreign_origin);
    return true;
}

void Service::refuse_unmatched(Exchange& exchange) {
    const RequestInfo& request = exchange.request();
    switch (request.match.kind) {
        case http::MatchKind::bad_path:
            return exchange.refuse(Refusal::bad_path);
        case http::MatchKind::websocket_only:
            return exchange.refuse(Refusal::websocket_only, {{"Upgrade", "websocket"}});
        case http::MatchKind::wrong_method:
            return exchange.refuse(Refusal::wrong_method,
                                   {{"Allow", join(site_.router.allowed_methods(request.route_path()))}});
        case http::MatchKind::matched:
        case http::MatchKind::not_found:
            break;
    }
    exchange.refuse(Refusal::not_found);
}

// RFC 9110 section 15.5.16 says what a client may send instead.
bool Service::refuse_coding(Exchange& exchange) {
    if (exchange.is_body_whole()) return false;
    const auto coding = http::read_coding(exchange.request().head.headers);
    if (!coding) {
        exchange.refuse(coding.error().status(), coding.error().text, {{"Accept-Encoding", http::decoded_codings()}});
        return true;
    }
    if (*coding != http::ContentCoding::identity) exchange.set_body_coding(*coding);
    return false;
}

void Service::respond_with_static_file(Exchange& exchange) {
    StaticFile found = serve_files(site_, exchange.request());
    if (found.error != 0) log_refusal(LogLevel::error, found.status, exchange, base::error_text(found.error));
    if (found.file) {
        static_cast<void>(exchange.respond_with_file(found.status, found.headers, std::move(*found.file)));
    } else if (found.status >= 400) {
        found.headers.remove("Content-Type");  // refuse() adds it, and the line end
        exchange.refuse(found.status, std::string_view(found.text).substr(0, found.text.find('\n')),
                        std::move(found.headers));
    } else {
        static_cast<void>(exchange.respond(found.status, found.headers, found.text));
    }
}

}  // namespace proapi::service
