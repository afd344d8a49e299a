#include "service/host_rule.hpp"

#include <algorithm>

#include "http/url.hpp"
#include "service/log.hpp"

namespace proapi::service {

namespace {

// "example.org." is the same name, written in full (RFC 1034 section 3.1).
[[nodiscard]] std::string_view without_root(std::string_view name) noexcept {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

[[nodiscard]] std::string_view without_brackets(std::string_view host) noexcept {
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

// `pattern` satisfies is_host_pattern().
[[nodiscard]] bool matches(std::string_view pattern, std::string_view host) noexcept {
    if (pattern == "*") return true;
    if (!pattern.starts_with("*.")) return http::equals_ignoring_case(without_root(without_brackets(pattern)), host);
    const std::string_view suffix = without_root(pattern.substr(1));  // with its dot
    return host.size() > suffix.size() && http::equals_ignoring_case(host.substr(host.size() - suffix.size()), suffix);
}

// Returns the host of an origin as read_origin() returns it; empty if the origin names no host, such as "null", "*" and
// "file://".
[[nodiscard]] std::string_view host_of_origin(std::string_view origin) noexcept {
    const std::size_t mark = origin.find("://");
    if (mark == std::string_view::npos) return {};
    origin.remove_prefix(mark + 3);
    if (origin.starts_with('[')) return origin.substr(1, origin.find(']') - 1);
    return without_root(origin.substr(0, origin.find(':')));
}

[[nodiscard]] bool names(const std::vector<std::string>& origins, std::string_view host) noexcept {
    return std::any_of(origins.begin(), origins.end(), [&](const std::string& origin) {
        return http::equals_ignoring_case(host_of_origin(origin), host);
    });
}

[[nodiscard]] bool is_listed(const Site& site, std::string_view host) noexcept {
    const std::vector<std::string>& hosts = site.settings.allowed_hosts;
    return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& one) { return matches(one, host); }) ||
           names(site.settings.allowed_origins, host) ||
           std::any_of(site.routes.begin(), site.routes.end(),
                       [&](const Route& route) { return names(route.settings.allowed_origins, host); });
}

// Whether no page can have made the browser send this request, so that it comes from a proxy or from a client other
// than a browser; or whether the request has passed with the host that it came with, so that no name has been rebound.
// A page's fetch() can write X-Forwarded-For, but not Via (a forbidden request-header name of the Fetch standard). For
// a WebSocket a page can write nothing but subprotocols.
[[nodiscard]] bool cannot_be_page(const RequestInfo& request) noexcept {
    const http::Headers& headers = request.head.headers;
    return request.is_host_forwarded || headers.contains("Via") ||
           (request.kind != RequestKind::http && is_forwarded(headers));
}

[[nodiscard]] bool is_served(const RequestInfo& request, const Site& site, std::string_view text) {
    const auto authority = http::parse_authority(text);
    if (!authority) return false;
    const std::string_view host = without_root(authority->host);
    if (host.empty()) return false;
    if (request.reach == Reach::loopback && http::is_loopback_name(host)) return true;
    if (site.settings.allowed_hosts.empty() && cannot_be_page(request)) return true;
    return is_listed(site, host);
}

}  // namespace

Reach find_reach(std::string_view host) noexcept {
    constexpr std::string_view mapped = "::ffff:";  // IPv4 through an IPv6 socket, as the kernel writes it
    if (host.starts_with(mapped)) host.remove_prefix(mapped.size());
    return http::is_loopback_name(host) ? Reach::loopback : Reach::network;
}

bool is_forwarded(const http::Headers& headers) noexcept {
    constexpr std::string_view prefix = "x-forwarded-";
    return std::any_of(headers.begin(), headers.end(), [&](const http::Header& field) {
        return http::equals_ignoring_case(field.name.substr(0, prefix.size()), prefix) ||
               http::equals_ignoring_case(field.name, "forwarded") || http::equals_ignoring_case(field.name, "via") ||
               http::equals_ignoring_case(field.name, "x-real-ip");
    });
}

bool is_host_pattern(std::string_view text) {
    if (text == "*") return true;
    if (text.starts_with("*.")) text.remove_prefix(2);
    const bool is_bare_ipv6 = !text.starts_with('[') && text.find(':') != std::string_view::npos;
    const auto authority = http::parse_authority(is_bare_ipv6 ? "[" + std::string(text) + "]" : std::string(text));
    return authority && !authority->port && !text.ends_with(':') && text.find('*') == std::string_view::npos &&
           !without_root(authority->host).empty();
}

Result<void> check_host(const RequestInfo& request, const Site& site) {
    const http::RequestHead& head = request.head;
    const bool is_enforced = !site.settings.allowed_hosts.empty();
    if (request.reach == Reach::network && !is_enforced) return {};
    const auto refuse = [&](std::string_view host) {
        return make_error(is_enforced ? ErrorCode::foreign_host : ErrorCode::foreign_host_on_loopback,
                          {escape_for_log(host)});
    };
    // The authority of an absolute-form target wins (RFC 9112 section 3.2.2), but applications read the field: both
    // must pass.
    if (!head.target.starts_with('/'))
        if (const std::string_view host = head.host(); !host.empty() && !is_served(request, site, host))
            return refuse(host);
    for (const http::Header& field : head.headers)
        if (http::equals_ignoring_case(field.name, "host") && !is_served(request, site, field.value))
            return refuse(field.value);
    return {};
}

}  // namespace proapi::service
