// From the text of a query, a header or a cookie to a value: the types that proapi::Query and its like may have, and
// what is wrong with a text that none of their values has. The kinds and texts of errors are pydantic's, because
// FastAPI's clients know them; Python has the same (python/proapi/_core/conversion.py).
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proapi/json.hpp"
#include "proapi/uuid.hpp"

namespace proapi::detail {

// Why a text is not a value: the members `type`, `msg` and `ctx` (null: none) of an error as clients get it.
struct TextFault {
    std::string type, text;
    Json context;
};

// Each sets `value` and returns std::nullopt, or returns what is wrong. An integer is decimal digits after an optional
// sign, as is a double, with a fraction and an exponent if it has them; NaN and infinity are refused.
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, std::int64_t& value);
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, std::uint64_t& value);
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, double& value);
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, float& value);
// true, false, 1, 0, on, off, yes, no, t, f, y, n, in any case.
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, bool& value);
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, std::string& value);
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, Uuid& value);
// "2026-01-31".
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, std::chrono::year_month_day& value);
// "2026-01-31T12:00:00Z", or with an offset such as "+02:00" (RFC 3339). Fractions of a second are dropped.
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, std::chrono::sys_seconds& value);

[[nodiscard]] TextFault not_below(const std::string& limit, Json number);
[[nodiscard]] TextFault not_above(const std::string& limit, Json number);

template <class T>
concept SmallInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                       !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                       !std::same_as<T, char32_t> && !std::same_as<T, std::int64_t> && !std::same_as<T, std::uint64_t>;

template <SmallInteger T>
[[nodiscard]] std::optional<TextFault> read_text(std::string_view text, T& value) {
    std::int64_t wide = 0;
    if (auto fault = read_text(text, wide)) return fault;
    using Limits = std::numeric_limits<T>;
    if (std::cmp_less(wide, Limits::min())) return not_below(std::to_string(Limits::min()), Limits::min());
    if (std::cmp_greater(wide, Limits::max())) return not_above(std::to_string(Limits::max()), Limits::max());
    value = static_cast<T>(wide);
    return std::nullopt;
}

// The types of one value.
template <class T>
concept TextValue = std::default_initializable<T> && requires(std::string_view text, T& value) {
    { read_text(text, value) } -> std::same_as<std::optional<TextFault>>;
};

}  // namespace proapi::detail
