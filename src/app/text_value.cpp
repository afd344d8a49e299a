#include "proapi/text_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "http/headers.hpp"

namespace proapi::detail {

namespace {

// Reads the whole text as a number, after an optional "+".
template <class T>
[[nodiscard]] std::errc parse_number(std::string_view text, T& value) noexcept {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && stopped != text.data() + text.size()) return std::errc::invalid_argument;
    // An integer that is too large is one all the same only if nothing follows it.
    if (error == std::errc::result_out_of_range && stopped != text.data() + text.size())
        return std::errc::invalid_argument;
    return error;
}

[[nodiscard]] TextFault not_an_integer() {
    return {"int_parsing", "Input should be a valid integer, unable to parse string as an integer", nullptr};
}

template <class T>
[[nodiscard]] std::optional<TextFault> read_finite(std::string_view text, T& value) {
    const std::errc error = parse_number(text, value);
    if (error == std::errc::invalid_argument)
        return TextFault{"float_parsing", "Input should be a valid number, unable to parse string as a number",
                         nullptr};
    if (error != std::errc() || !std::isfinite(value))
        return TextFault{"finite_number", "Input should be a finite number", nullptr};
    return std::nullopt;
}

// Reads `count` digits at the beginning of the text and removes them; -1 if they are not there.
[[nodiscard]] int take_digits(std::string_view& text, std::size_t count) noexcept {
    int number = 0;
    if (text.size() < count) return -1;
    for (const char digit : text.substr(0, count)) {
        if (digit < '0' || digit > '9') return -1;
        number = number * 10 + (digit - '0');
    }
    text.remove_prefix(count);
    return number;
}

[[nodiscard]] bool take(std::string_view& text, char expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(1);
    return true;
}

[[nodiscard]] std::optional<std::chrono::year_month_day> take_date(std::string_view& text) noexcept {
    const int year = take_digits(text, 4);
    if (year < 0 || !take(text, '-')) return std::nullopt;
    const int month = take_digits(text, 2);
    if (month < 0 || !take(text, '-')) return std::nullopt;
    const int day = take_digits(text, 2);
    if (day < 0) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day)));
    return date.ok() ? std::optional(date) : std::nullopt;
}

// "12:00", with seconds and a fraction of them if `has_seconds`.
[[nodiscard]] std::optional<std::chrono::seconds> take_time(std::string_view& text, bool has_seconds) noexcept {
    const int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
    const int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    int seconds = 0;
    if (has_seconds) {
        if (!take(text, ':')) return std::nullopt;
        seconds = take_digits(text, 2);
        if (seconds < 0 || seconds > 59) return std::nullopt;
        if (take(text, '.')) {
            if (take_digits(text, 1) < 0) return std::nullopt;
            while (take_digits(text, 1) >= 0) continue;
        }
    }
    return std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds);
}

[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) noexcept {
    const auto date = take_date(text);
    if (!date || text.empty() || (text[0] != 'T' && text[0] != 't' && text[0] != ' ')) return std::nullopt;
    text.remove_prefix(1);
    const auto time = take_time(text, true);
    if (!time) return std::nullopt;
    std::chrono::seconds offset{0};
    if (!take(text, 'Z') && !take(text, 'z')) {
        const bool is_east = take(text, '+');
        if (!is_east && !take(text, '-')) return std::nullopt;
        const auto ahead = take_time(text, false);
        if (!ahead) return std::nullopt;
        offset = is_east ? *ahead : -*ahead;
    }
    if (!text.empty()) return std::nullopt;
    return std::chrono::sys_days(*date) + *time - offset;
}

}  // namespace

TextFault not_below(const std::string& limit, Json number) {
    return {"greater_than_equal", "Input should be greater than or equal to " + limit,
            Json::object({{"ge", std::move(number)}})};
}

TextFault not_above(const std::string& limit, Json number) {
    return {"less_than_equal", "Input should be less than or equal to " + limit,
            Json::object({{"le", std::move(number)}})};
}

std::optional<TextFault> read_text(std::string_view text, std::int64_t& value) {
    using Limits = std::numeric_limits<std::int64_t>;
    const std::errc error = parse_number(text, value);
    if (error == std::errc()) return std::nullopt;
    if (error != std::errc::result_out_of_range) return not_an_integer();
    if (text.starts_with('-')) return not_below(std::to_string(Limits::min()), Limits::min());
    return not_above(std::to_string(Limits::max()), Limits::max());
}

std::optional<TextFault> read_text(std::string_view text, std::uint64_t& value) {
    using Limits = std::numeric_limits<std::uint64_t>;
    const std::errc error = parse_number(text, value);
    if (error == std::errc()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return not_above(std::to_string(Limits::max()), Limits::max());
    std::int64_t negative = 0;
    if (parse_number(text, negative) == std::errc::invalid_argument) return not_an_integer();
    if (negative == 0) {  // "-0"
        value = 0;
        return std::nullopt;
    }
    return not_below("0", 0);
}

std::optional<TextFault> read_text(std::string_view text, double& value) {
    return read_finite(text, value);
}

std::optional<TextFault> read_text(std::string_view text, float& value) {
    return read_finite(text, value);
}

std::optional<TextFault> read_text(std::string_view text, bool& value) {
    static constexpr std::array<std::string_view, 6> yes = {"true", "1", "on", "yes", "t", "y"};
    static constexpr std::array<std::string_view, 6> no = {"false", "0", "off", "no", "f", "n"};
    const auto is_text = [&](std::string_view word) { return http::equals_ignoring_case(text, word); };
    value = std::ranges::any_of(yes, is_text);
    if (value || std::ranges::any_of(no, is_text)) return std::nullopt;
    return TextFault{"bool_parsing", "Input should be a valid boolean, unable to interpret input", nullptr};
}

std::optional<TextFault> read_text(std::string_view text, std::string& value) {
    value = text;
    return std::nullopt;
}

std::optional<TextFault> read_text(std::string_view text, Uuid& value) {
    const auto uuid = Uuid::parse(text);
    if (!uuid) return TextFault{"uuid_parsing", "Input should be a valid UUID", nullptr};
    value = *uuid;
    return std::nullopt;
}

std::optional<TextFault> read_text(std::string_view text, std::chrono::year_month_day& value) {
    const auto date = take_date(text);
    if (!date || !text.empty()) return TextFault{"date_parsing", "Input should be a valid date", nullptr};
    value = *date;
    return std::nullopt;
}

std::optional<TextFault> read_text(std::string_view text, std::chrono::sys_seconds& value) {
    const auto time = parse_time(text);
    if (!time) return TextFault{"datetime_parsing", "Input should be a valid datetime", nullptr};
    value = *time;
    return std::nullopt;
}

}  // namespace proapi::detail
