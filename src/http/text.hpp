// Character classes in ASCII, independent of the locale; trimming; quoting.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace proapi::http {

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
// Returns the value of a hexadecimal digit of either case; negative for any other character.
[[nodiscard]] constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}
[[nodiscard]] constexpr bool is_hex(char c) noexcept {
    return hex_value(c) >= 0;
}
// OWS of RFC 9110 section 5.6.3.
[[nodiscard]] constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\t';
}
constexpr void skip_space(std::string_view& text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}
[[nodiscard]] constexpr std::string_view trim_end(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}
[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    skip_space(text);
    return trim_end(text);
}

// Received text as valid UTF-8: at most `max_octets` of it, then "...".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t max_octets);
// Quotes received text for a refusal: in quotes, as valid UTF-8, shortened.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t max_octets = 200);

}  // namespace proapi::http
