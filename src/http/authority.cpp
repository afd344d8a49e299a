// Parses host and port as a Host field or an absolute-form target contains them (RFC 9110 section 7.2, RFC 3986 section
// 3.2), and recognizes names of the local machine (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section
// 2.5.3). Does not resolve names.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/ip_address.hpp"
#include "http/headers.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

// unreserved and sub-delims without the comma: with a list of hosts, one request would have two of them.
constexpr std::array<bool, 256> name_octets = [] {
    std::array<bool, 256> table{};
    for (const char c :
         std::string_view{"-._~!$&'()*+;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"})
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr bool is_name_octet(char c) noexcept {
    return name_octets[static_cast<unsigned char>(c)];
}

bool is_registered_name(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_name_octet(text[i])) continue;
        if (text[i] != '%' || text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
        i += 2;
    }
    return !text.empty();
}

// *DIGIT: "host:" has no port.
bool parse_port(std::string_view text, std::optional<std::uint16_t>& port) noexcept {
    if (text.empty()) return true;
    if (!std::all_of(text.begin(), text.end(), is_digit)) return false;
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    port = number;
    return true;
}

std::string to_lower(std::string text) {
    std::ranges::transform(text, text.begin(), lower);
    return text;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
    std::string_view host;
    std::string_view after;  // empty, or ":" and the port
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) return std::nullopt;
        host = text.substr(1, bracket - 1);
        after = text.substr(bracket + 1);
        if (!base::parse_ipv6(host)) return std::nullopt;
    } else {
        host = text.substr(0, text.find(':'));
        after = text.substr(host.size());
        if (!is_registered_name(host)) return std::nullopt;
    }
    Authority authority{to_lower(std::string{host}), std::nullopt};
    if (!after.empty() && (after.front() != ':' || !parse_port(after.substr(1), authority.port))) return std::nullopt;
    return authority;
}

bool is_loopback_name(std::string_view host) noexcept {
    constexpr std::string_view name = "localhost", subdomain = ".localhost";
    if (host == "127.0.0.1") return true;  // most often
    if (equals_ignoring_case(host, name)) return true;
    // ".localhost" without a label before the dot is not a name.
    if (host.size() > subdomain.size() && equals_ignoring_case(host.substr(host.size() - subdomain.size()), subdomain))
        return true;
    if (const auto ipv4 = base::parse_ipv4(host)) return ipv4->front() == 127;
    return base::parse_ipv6(host) == base::Ipv6Address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

}  // namespace proapi::http
