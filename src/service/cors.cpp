#include "service/cors.hpp"

#include <algorithm>
#include <array>

#include "http/text.hpp"
#include "service/exchange.hpp"
#include "service/origin.hpp"

namespace proapi::service {

namespace {

using Names = std::vector<std::string>;

constexpr std::string_view wildcard = "*", null_origin = "null";
// A scheme, a host of at most 253 octets (RFC 1035 section 2.3.4) and a port fit. A regular expression may take long
// with more.
constexpr std::size_t max_origin_bytes = 320;
constexpr std::chrono::seconds longest_age{std::chrono::hours(24) * 365};
constexpr auto usual_methods =
    std::to_array<std::string_view>({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"});
// Those that a page may send without asking. Content-Type needs the question for some values, such as JSON's.
constexpr auto safe_headers =
    std::to_array<std::string_view>({"Accept", "Accept-Language", "Content-Language", "Content-Type"});

[[nodiscard]] bool has(const Names& list, std::string_view item) {
    return std::ranges::find(list, item) != list.end();
}

[[nodiscard]] bool has_ignoring_case(const Names& list, std::string_view item) {
    return std::ranges::any_of(list, [&](const std::string& each) { return http::equals_ignoring_case(each, item); });
}

template <class Items>
[[nodiscard]] std::string comma_separated(const Items& items) {
    std::string joined;
    for (const auto& item : items) joined.append(joined.empty() ? "" : ", ").append(item);
    return joined;
}

Result<void> normalize_origins(Names& origins) {
    for (std::string& origin : origins) {
        if (origin == wildcard) continue;
        const auto read = read_origin(origin);
        if (!read) return make_error(ErrorCode::bad_cors_origin, {origin});
        origin = std::string(*read);
    }
    return {};
}

// Methods are compared with case, and there are no others than in upper case: see Router.
Result<void> normalize_methods(Names& methods) {
    for (std::string& method : methods) {
        if (!http::is_token(method)) return make_error(ErrorCode::bad_cors_method, {method});
        std::ranges::transform(method, method.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    }
    if (has(methods, wildcard)) methods.assign(usual_methods.begin(), usual_methods.end());
    if (has(methods, "GET") && !has(methods, "HEAD")) methods.emplace_back("HEAD");  // as routes do
    return {};
}

Result<void> check_headers(std::string_view option, const Names& names) {
    for (const std::string& name : names)
        if (!http::is_token(name)) return make_error(ErrorCode::bad_cors_header, {option, name});
    return {};
}

[[nodiscard]] std::vector<std::string_view> requested_headers(const http::Headers& request) {
    std::vector<std::string_view> names;
    for (const std::string_view field : request.getlist("access-control-request-headers"))
        for (const std::string_view name : http::split_list(field)) names.push_back(name);
    return names;
}

[[nodiscard]] bool is_preflight(const RequestInfo& request) {
    return request.head.method == "OPTIONS" && request.kind == RequestKind::http &&
           request.head.headers.contains("origin") && request.head.headers.contains("access-control-request-method");
}

}  // namespace

Result<std::shared_ptr<const Cors>> Cors::make(const CorsOptions& options) {
    CorsOptions checked = options;
    if (auto done = normalize_origins(checked.allow_origins); !done) return std::move(done).error();
    if (auto done = normalize_methods(checked.allow_methods); !done) return std::move(done).error();
    if (auto done = check_headers("allow_headers", checked.allow_headers); !done) return std::move(done).error();
    if (auto done = check_headers("expose_headers", checked.expose_headers); !done) return std::move(done).error();
    if (checked.allow_credentials && has(checked.expose_headers, wildcard))
        return make_error(ErrorCode::cors_exposes_any_with_credentials);
    if (checked.max_age < checked.max_age.zero() || checked.max_age > longest_age)
        return make_error(ErrorCode::bad_cors_max_age,
                          {std::to_string(longest_age.count()), std::to_string(checked.max_age.count())});
    return std::shared_ptr<const Cors>(new Cors(std::move(checked)));
}

Cors::Cors(CorsOptions options)
    : options_(std::move(options)),
      allows_any_origin_(has(options_.allow_origins, wildcard)),
      allows_any_header_(has(options_.allow_headers, wildcard)),
      methods_(comma_separated(options_.allow_methods)),
      exposed_(comma_separated(options_.expose_headers)) {
    for (const std::string_view name : safe_headers)
        if (!has_ignoring_case(options_.allow_headers, name)) options_.allow_headers.emplace_back(name);
    headers_ = comma_separated(options_.allow_headers);
}

std::vector<std::string> Cors::websocket_origins() const {
    return options_.allow_credentials ? options_.allow_origins : Names{};
}

// "null" is the origin of sandboxed frames and of files: of every page that wants it. With credentials only the list
// admits it.
bool Cors::is_allowed(std::string_view origin) const {
    if (origin.size() > max_origin_bytes) return false;
    const auto read = read_origin(origin);
    if (!read) return false;
    if (*read == null_origin) return has(options_.allow_origins, null_origin);
    if (is_listed_origin(options_.allow_origins, *read)) return true;
    return options_.matches_origin && options_.matches_origin(*read);
}

std::optional<std::string_view> Cors::allow_origin(const http::Headers& request) const {
    // For every request, with Origin or without, since a cache may give one the response to the other.
    if (allows_any_origin_ && !options_.allow_credentials) return wildcard;
    if (request.count("origin") != 1) return std::nullopt;
    const std::string_view origin = *request.get("origin");
    return is_allowed(origin) ? std::optional(origin) : std::nullopt;
}

bool Cors::is_allowed_method(std::string_view method) const {
    return has(options_.allow_methods, method);
}

bool Cors::is_allowed_header(std::string_view name) const {
    return allows_any_header_ ? http::is_token(name) : has_ignoring_case(options_.allow_headers, name);
}

std::string Cors::find_fault(const http::Headers& request) const {
    if (!allow_origin(request))
        return "CORS: the origin " + http::quoted(*request.get("origin")) + " is not allowed: see allow_origins.";
    const std::string_view method = *request.get("access-control-request-method");
    if (!is_allowed_method(method))
        return "CORS: the method " + http::quoted(method) + " is not allowed, only " + methods_ +
               ": see allow_methods.";
    for (const std::string_view name : requested_headers(request))
        if (!is_allowed_header(name))
            return "CORS: the header field " + http::quoted(name) + " is not allowed: see allow_headers.";
    return {};
}

// on_response() adds what every response has. Without Access-Control-Allow-Private-Network, a browser that asks for it
// refuses by itself.
http::Headers Cors::make_preflight_fields(const http::Headers& request) const {
    http::Headers fields{{"Access-Control-Allow-Methods", methods_},
                         {"Access-Control-Allow-Headers", headers_},
                         {"Access-Control-Max-Age", std::to_string(options_.max_age.count())},
                         {"Content-Type", "text/plain; charset=utf-8"}};
    if (allows_any_header_) {  // "*" is no wildcard for requests with credentials, nor for Authorization
        fields.remove("Access-Control-Allow-Headers");
        if (const auto names = requested_headers(request); !names.empty())
            fields.add("Access-Control-Allow-Headers", comma_separated(names));
    }
    if (options_.allow_private_network && request.get("access-control-request-private-network") == "true")
        fields.add("Access-Control-Allow-Private-Network", "true");
    return fields;
}

void Cors::open(base::IntrusivePtr<Exchange> exchange, const Next& next) const {
    const RequestInfo& request = exchange->request();
    if (!is_preflight(request)) return next(std::move(exchange));
    if (const std::string fault = find_fault(request.head.headers); !fault.empty()) return exchange->refuse(400, fault);
    static_cast<void>(exchange->respond(200, make_preflight_fields(request.head.headers), "OK\n"));
}

void Cors::on_response(const RequestInfo& request, int, http::Headers& headers) const {
    if (request.kind != RequestKind::http) return;
    const bool is_asked = is_preflight(request);
    if (!allows_any_origin_ || options_.allow_credentials) http::add_vary(headers, "Origin");
    if (is_asked) {  // for caches that are told to keep responses to OPTIONS
        http::add_vary(headers, "Access-Control-Request-Method");
        http::add_vary(headers, "Access-Control-Request-Headers");
    }
    if (headers.contains("access-control-allow-origin")) return;
    const auto allowed = allow_origin(request.head.headers);
    if (!allowed) return;
    headers.add("Access-Control-Allow-Origin", *allowed);
    if (options_.allow_credentials) headers.add("Access-Control-Allow-Credentials", "true");
    if (!is_asked && !exposed_.empty()) headers.add("Access-Control-Expose-Headers", exposed_);
}

}  // namespace proapi::service
