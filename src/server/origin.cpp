#include "server/origin.hpp"

#include <algorithm>

#include "http/url.hpp"
#include "server/log.hpp"

namespace proapi::server {

namespace {

struct Origin {
    std::string_view scheme;
    http::Authority authority;
    [[nodiscard]] std::uint16_t default_port() const noexcept { return scheme == "https" ? 443 : 80; }
    [[nodiscard]] std::uint16_t port() const noexcept { return authority.port.value_or(default_port()); }
};

[[nodiscard]] std::optional<Origin> parse_origin(std::string_view text) {
    const std::size_t mark = text.find("://");
    if (mark == std::string_view::npos) return std::nullopt;
    auto authority = http::parse_authority(text.substr(mark + 3));
    if (!authority || authority->host.empty()) return std::nullopt;
    return Origin{text.substr(0, mark), std::move(*authority)};
}

// Whether a field says that a proxy stands between.
[[nodiscard]] bool is_forwarded(const http::Headers& headers) {
    constexpr std::string_view prefix = "x-forwarded-";
    return std::any_of(headers.begin(), headers.end(), [&](const http::Header& field) {
        return http::equals_ignoring_case(field.name.substr(0, prefix.size()), prefix) ||
               http::equals_ignoring_case(field.name, "forwarded") || http::equals_ignoring_case(field.name, "via") ||
               http::equals_ignoring_case(field.name, "x-real-ip");
    });
}

[[nodiscard]] bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
[[nodiscard]] bool is_scheme(std::string_view text) noexcept {
    return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    });
}
// More names than these are allowed in a URL, but browsers write no others.
[[nodiscard]] bool is_host_octet(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '[' || c == ']';
}

}  // namespace

bool is_origin(std::string_view text) {
    if (text == "null") return true;
    const auto origin = parse_origin(text);
    return origin && is_scheme(origin->scheme) && text.back() != ':' &&
           std::all_of(text.begin() + static_cast<std::ptrdiff_t>(origin->scheme.size() + 3), text.end(),
                       is_host_octet);
}

std::string check_origin(const http::RequestHead& head, const std::vector<std::string>& allowed) {
    const auto origins = head.headers.getlist("origin");
    if (origins.empty()) return {};
    const std::string_view text = origins.back();
    const bool is_listed = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) {
        return one == "*" || http::equals_ignoring_case(one, text);
    });
    if (origins.size() == 1 && is_listed) return {};

    const auto host = http::parse_authority(head.host());
    const auto origin = parse_origin(text);
    if (origins.size() == 1 && host) {
        // A port that Host leaves out is the default of the page's scheme: TLS may end at a proxy in front.
        if (origin && origin->authority.host == host->host &&
            origin->port() == host->port.value_or(origin->default_port()))
            return {};
        if (http::is_loopback_name(host->host) && !is_forwarded(head.headers) &&
            (text == "null" || (origin && http::is_loopback_name(origin->authority.host))))
            return {};
    }
    return "origin '" + escape_for_log(text) + "' refused for host '" + escape_for_log(head.host()) +
           "': add it to allowed_origins to let it in";
}

}  // namespace proapi::server
