#include "service/origin.hpp"

#include <algorithm>

#include "http/text.hpp"
#include "http/url.hpp"
#include "service/log.hpp"

namespace proapi::service {

namespace {

struct Origin {
    std::string_view scheme;
    http::Authority authority;
    [[nodiscard]] bool is_web() const noexcept { return is_https() || http::equals_ignoring_case(scheme, "http"); }
    [[nodiscard]] bool is_https() const noexcept { return http::equals_ignoring_case(scheme, "https"); }
    [[nodiscard]] std::uint16_t default_port() const noexcept { return is_https() ? 443 : 80; }
    [[nodiscard]] std::uint16_t port() const noexcept { return authority.port.value_or(default_port()); }
};

[[nodiscard]] std::optional<Origin> parse_origin(std::string_view text) {
    const std::size_t mark = text.find("://");
    if (mark == std::string_view::npos) return std::nullopt;
    const std::string_view after = text.substr(mark + 3);
    Origin origin{text.substr(0, mark), {}};
    if (after.empty()) return origin.is_web() ? std::nullopt : std::optional(std::move(origin));
    auto authority = http::parse_authority(after);
    if (!authority) return std::nullopt;
    origin.authority = std::move(*authority);
    return origin;
}

[[nodiscard]] bool is_scheme(std::string_view text) noexcept {
    return !text.empty() && http::is_letter(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
        return http::is_letter(c) || http::is_digit(c) || c == '+' || c == '-' || c == '.';
    });
}
// URLs allow more characters in a host than these, but browsers write no others.
[[nodiscard]] bool is_host_octet(char c) noexcept {
    return http::is_letter(c) || http::is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '[' ||
           c == ']';
}

}  // namespace

std::optional<std::string_view> read_origin(std::string_view text) {
    if (text == "null") return text;
    if (text.ends_with('/') && !text.ends_with("://")) text.remove_suffix(1);
    const auto origin = parse_origin(text);
    if (!origin || !is_scheme(origin->scheme)) return std::nullopt;
    const std::string_view after = text.substr(origin->scheme.size() + 3);
    if (after.ends_with(':') || !std::all_of(after.begin(), after.end(), is_host_octet)) return std::nullopt;
    if (origin->is_web() && origin->authority.port == origin->default_port()) text = text.substr(0, text.rfind(':'));
    return text;
}

bool is_listed_origin(const std::vector<std::string>& list, std::string_view origin) {
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string& one) { return one == "*" || http::equals_ignoring_case(one, origin); });
}

OriginVerdict judge_origin(const http::RequestHead& head, const WebSocketSettings& route, const Settings& application,
                           Reach reach) {
    const std::size_t count = head.headers.count("origin");
    if (count == 0) return OriginVerdict::passes;
    if (count > 1) return OriginVerdict::refused;
    const std::string_view given = head.headers.get("origin").value_or("");
    const std::string_view text = read_origin(given).value_or(given);
    if (is_listed_origin(route.allowed_origins, text)) return OriginVerdict::passes;

    const auto host = http::parse_authority(head.host());
    auto origin = parse_origin(text);
    if (origin && !origin->is_web()) origin.reset();  // passes only if the list contains it
    // If Host has no port, compare with the default port of the page's scheme: a proxy in front may end TLS.
    if (host && origin && origin->authority.host == host->host &&
        origin->port() == host->port.value_or(origin->default_port()))
        return OriginVerdict::passes;

    const bool is_development = reach == Reach::loopback && route.allowed_origins.empty() &&
                                application.allowed_origins.empty() && host && http::is_loopback_name(host->host) &&
                                !is_forwarded(head.headers);
    const bool is_local = text == "null" || (origin && http::is_loopback_name(origin->authority.host));
    return is_development && is_local ? OriginVerdict::passes_in_development : OriginVerdict::refused;
}

std::string describe_refused_origin(const http::RequestHead& head) {
    std::string origins;
    for (const std::string_view origin : head.headers.getlist("origin"))
        origins += (origins.empty() ? "'" : ", '") + escape_for_log(origin) + "'";
    return "origin " + origins + " refused for host '" + escape_for_log(head.host()) +
           "': add it to allowed_origins to allow it";
}

std::string describe_development(const http::RequestHead& head) {
    return "origin '" + escape_for_log(head.headers.get("origin").value_or("")) + "' let in to host '" +
           escape_for_log(head.host()) +
           "': local pages and pages from files may connect while allowed_origins is empty (development); list your "
           "pages' origins in allowed_origins to end this. Not logged again";
}

}  // namespace proapi::service
