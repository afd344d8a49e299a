// Percent decoding, query strings, cookies and forms: small text formats around a request, each decoded exactly once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proapi::http {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Decodes %XX once (RFC 3986 section 2.1). Nothing where an escape is malformed, or decodes to NUL.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
// Encodes all but unreserved characters and those in `keep`.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view keep = "/");

// application/x-www-form-urlencoded (URL Standard section 5.1): "+" is a space, a malformed escape stays as it is,
// invalid UTF-8 becomes U+FFFD. All pairs in order. The caller bounds the text: each two octets may become a pair.
[[nodiscard]] Pairs parse_query(std::string_view query);
// How many pairs that is; allocates nothing.
[[nodiscard]] std::size_t count_pairs(std::string_view query) noexcept;
[[nodiscard]] std::string write_query(const Pairs& pairs);

// The Cookie field's pairs (RFC 6265 section 5.4), in order; quotes around a value are taken off. Linear.
[[nodiscard]] Pairs parse_cookies(std::string_view field);

// Valid UTF-8 with U+FFFD for each invalid part.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

// Host, or host and port, as RFC 9110 section 7.2 and RFC 3986 section 3.2 allow in a Host field; no user info.
struct Authority {
    std::string host;  // lower case; an IPv6 literal without its brackets
    std::optional<std::uint16_t> port;
};
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text);
[[nodiscard]] bool is_loopback_name(std::string_view host) noexcept;  // localhost, *.localhost, 127.0.0.0/8, ::1

}  // namespace proapi::http
