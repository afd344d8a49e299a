// Feeds a text to parse_date(), and a number of seconds to format_date().
// Oracle: a formatted date is parsed as the same second. A parsed date of 29 octets is formatted as the same text. The
// C library's calendar formats the same text.
#include <ctime>

#include "http/response.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

void check_date(std::int64_t seconds) {
    const std::string text = http::format_date(seconds);
    check(http::parse_date(text) == seconds, "a date that is written is read as the same second", text);
    const std::time_t time = seconds;
    std::tm fields{};
    char written[64];
    // strftime() writes years before 1000 with fewer digits.
    if (::gmtime_r(&time, &fields) == nullptr || fields.tm_year < 1000 - 1900) return;
    const std::size_t size = std::strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &fields);
    check_equal(text, {written, size}, "the C library writes the same date");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_date) {
    using namespace proapi;
    using namespace proapi::fuzz;
    constexpr std::uint64_t year_10000 = 253'402'300'800, year_0 = 62'167'219'200;
    const auto any = input.take_number<std::uint64_t>();
    check_date(static_cast<std::int64_t>(any % (year_10000 + year_0)) - static_cast<std::int64_t>(year_0));
    check(http::parse_date(http::format_date(static_cast<std::int64_t>(any))).has_value(), "every date can be read");

    const Block text(input.rest());
    const auto seconds = http::parse_date(text.text());
    if (!seconds || *seconds == 253'402'300'800) return;  // the leap second of the last year: no year follows
    check_date(*seconds);
    if (text.text().size() == 29 && text.text()[3] == ',' && text.text().substr(23, 2) != "60")
        check_equal(http::format_date(*seconds), text.text(), "a date that is read is written as it stood");
}
