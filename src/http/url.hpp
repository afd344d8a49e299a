// Percent-encoding, query strings, cookies and authorities: small text formats around a request, each decoded exactly
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proapi::http {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Decodes %XX once (RFC 3986 section 2.1). Returns nullopt if an escape is malformed or decodes to NUL.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
// Encodes everything except unreserved characters and those in `keep`.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view keep = "/");

// Parses application/x-www-form-urlencoded (URL Standard section 5.1): "+" becomes a space, a malformed escape stays
// unchanged, invalid UTF-8 becomes U+FFFD. Returns all pairs in order. The caller must bound the size of the text:
// every two octets may become a pair.
[[nodiscard]] Pairs parse_query(std::string_view query);
// Returns the number of pairs that parse_query() would return, without allocating.
[[nodiscard]] std::size_t count_pairs(std::string_view query) noexcept;
[[nodiscard]] std::string write_query(const Pairs& pairs);

// Returns the pairs of a Cookie field (RFC 6265 section 5.4) in order; quotes around a value are removed. Linear.
[[nodiscard]] Pairs parse_cookies(std::string_view field);

// Returns valid UTF-8, with U+FFFD for each invalid part.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

// Host, or host and port, as RFC 9110 section 7.2 and RFC 3986 section 3.2 allow in a Host field; no user information.
struct Authority {
    std::string host;  // lower case; an IPv6 literal without its brackets
    std::optional<std::uint16_t> port;
};
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text);
[[nodiscard]] bool is_loopback_name(std::string_view host) noexcept;  // localhost, *.localhost, 127.0.0.0/8, ::1

}  // namespace proapi::http
