// Converts path parameters and UUIDs from text to values. The router has checked the syntax; only the range is left to
// check.
#include <charconv>
#include <cmath>

#include "http/text.hpp"
#include "proapi/handler.hpp"

namespace proapi {

namespace {

constexpr bool is_dash_before(std::size_t octet) noexcept {
    return octet == 4 || octet == 6 || octet == 8 || octet == 10;
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
    if (text.size() != 36) return std::nullopt;
    Uuid uuid;
    std::size_t at = 0;
    for (std::size_t i = 0; i < uuid.octets.size(); ++i) {
        if (is_dash_before(i) && text[at++] != '-') return std::nullopt;
        const int high = http::hex_value(text[at]), low = http::hex_value(text[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        uuid.octets[i] = static_cast<std::uint8_t>(high * 16 + low);
        at += 2;
    }
    return uuid;
}

std::string Uuid::to_string() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (is_dash_before(i)) text += '-';
        text += digits[octets[i] >> 4];
        text += digits[octets[i] & 15];
    }
    return text;
}

namespace detail {

bool read_integer(const std::string& text, std::int64_t& value) noexcept {
    const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, value);
    return error == std::errc() && stopped == end;
}

bool PathParameter<double>::read(const std::string& text, double& value) noexcept {
    const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, value);
    return error == std::errc() && stopped == end && std::isfinite(value);
}

bool PathParameter<Uuid>::read(const std::string& text, Uuid& value) noexcept {
    const auto uuid = Uuid::parse(text);
    if (uuid) value = *uuid;
    return uuid.has_value();
}

}  // namespace detail
}  // namespace proapi
