// HTTP dates (RFC 9110 section 5.6.7): writes IMF-fixdate, parses all three forms. Uses no clock: the century of RFC
// 850's two-digit years is the one in which the day of the week is right, which always decides between 19xx and 20xx.
#include <array>
#include <chrono>
#include <cstdint>

#include "http/response.hpp"

namespace proapi::http {
namespace {

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t seconds_per_day = 86'400;
// The range of four-digit years: 0000-01-01 to 9999-12-31.
constexpr std::int64_t first_second = -62'167'219'200, last_second = 253'402'300'799;

struct DateFields {
    unsigned weekday = 0, day = 0, month = 0, hour = 0, minute = 0, second = 0;
    int year = 0;
};

std::optional<std::int64_t> to_unix(const DateFields& fields) noexcept {
    using namespace std::chrono;
    const year_month_day date{year{fields.year}, month{fields.month}, day{fields.day}};
    // Second 60 is a leap second in the grammar: it is read as the beginning of the next minute.
    if (!date.ok() || fields.hour > 23 || fields.minute > 59 || fields.second > 60) return std::nullopt;
    const sys_days midnight{date};
    if (weekday{midnight}.c_encoding() != fields.weekday) return std::nullopt;
    return midnight.time_since_epoch().count() * seconds_per_day + fields.hour * 3600 + fields.minute * 60 +
           fields.second;
}

// Reads from the front of a text. After the first mismatch `ok` stays false.
struct Reader {
    std::string_view rest;
    bool ok = true;

    void literal(std::string_view expected) noexcept {
        ok = ok && rest.starts_with(expected);
        if (ok) rest.remove_prefix(expected.size());
    }
    unsigned digits(std::size_t count) noexcept {
        unsigned number = 0;
        ok = ok && rest.size() >= count;
        for (std::size_t i = 0; ok && i < count; ++i) {
            ok = rest[i] >= '0' && rest[i] <= '9';
            number = number * 10 + static_cast<unsigned>(rest[i] - '0');
        }
        if (ok) rest.remove_prefix(count);
        return number;
    }
    template <std::size_t N>
    unsigned one_of(const std::array<std::string_view, N>& names) noexcept {
        for (std::size_t i = 0; ok && i < N; ++i) {
            if (rest.starts_with(names[i])) {
                rest.remove_prefix(names[i].size());
                return static_cast<unsigned>(i);
            }
        }
        ok = false;
        return 0;
    }
    void time_of_day(DateFields& into) noexcept {
        into.hour = digits(2);
        literal(":");
        into.minute = digits(2);
        literal(":");
        into.second = digits(2);
    }
    [[nodiscard]] bool done() const noexcept { return ok && rest.empty(); }
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::int64_t> parse_imf_fixdate(std::string_view text) noexcept {
    Reader reader{text};
    DateFields fields;
    fields.weekday = reader.one_of(days);
    reader.literal(", ");
    fields.day = reader.digits(2);
    reader.literal(" ");
    fields.month = reader.one_of(months) + 1;
    reader.literal(" ");
    fields.year = static_cast<int>(reader.digits(4));
    reader.literal(" ");
    reader.time_of_day(fields);
    reader.literal(" GMT");
    return reader.done() ? to_unix(fields) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<std::int64_t> parse_rfc850_date(std::string_view text) noexcept {
    Reader reader{text};
    DateFields fields;
    fields.weekday = reader.one_of(long_days);
    reader.literal(", ");
    fields.day = reader.digits(2);
    reader.literal("-");
    fields.month = reader.one_of(months) + 1;
    reader.literal("-");
    const int year_of_century = static_cast<int>(reader.digits(2));
    reader.literal(" ");
    reader.time_of_day(fields);
    reader.literal(" GMT");
    if (!reader.done()) return std::nullopt;
    for (const int century : {2000, 1900}) {
        fields.year = century + year_of_century;
        if (const auto seconds = to_unix(fields)) return seconds;
    }
    return std::nullopt;
}

// "Sun Nov  6 08:49:37 1994"
std::optional<std::int64_t> parse_asctime_date(std::string_view text) noexcept {
    Reader reader{text};
    DateFields fields;
    fields.weekday = reader.one_of(days);
    reader.literal(" ");
    fields.month = reader.one_of(months) + 1;
    reader.literal(" ");
    if (reader.ok && reader.rest.starts_with(' ')) {
        reader.literal(" ");
        fields.day = reader.digits(1);
    } else {
        fields.day = reader.digits(2);
    }
    reader.literal(" ");
    reader.time_of_day(fields);
    reader.literal(" ");
    fields.year = static_cast<int>(reader.digits(4));
    return reader.done() ? to_unix(fields) : std::nullopt;
}

void append_digits(std::string& out, unsigned number, unsigned place) {
    for (; place > 0; place /= 10) out.push_back(static_cast<char>('0' + number / place % 10));
}

}  // namespace

std::string format_date(std::int64_t unix_seconds) {
    using namespace std::chrono;
    unix_seconds = unix_seconds < first_second ? first_second : unix_seconds > last_second ? last_second : unix_seconds;
    const sys_seconds moment{seconds{unix_seconds}};
    const sys_days midnight = floor<std::chrono::days>(moment);
    const year_month_day date{midnight};
    const auto second_of_day = static_cast<unsigned>((moment - midnight).count());

    std::string out;
    out.reserve(29);
    out.append(days[weekday{midnight}.c_encoding()]).append(", ");
    append_digits(out, static_cast<unsigned>(date.day()), 10);
    out.append(" ").append(months[static_cast<unsigned>(date.month()) - 1]).append(" ");
    append_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 1000);
    out.append(" ");
    append_digits(out, second_of_day / 3600, 10);
    out.append(":");
    append_digits(out, second_of_day / 60 % 60, 10);
    out.append(":");
    append_digits(out, second_of_day % 60, 10);
    out.append(" GMT");
    return out;
}

std::optional<std::int64_t> parse_date(std::string_view text) noexcept {
    if (const auto seconds = parse_imf_fixdate(text)) return seconds;
    if (const auto seconds = parse_rfc850_date(text)) return seconds;
    return parse_asctime_date(text);
}

}  // namespace proapi::http
