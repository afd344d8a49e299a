#include "proapi/json.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "http/text.hpp"

namespace proapi {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t max_shown_digits = 64, max_error_octets = 512;

[[nodiscard]] std::invalid_argument too_deep() {
    return std::invalid_argument("expected JSON nested at most " + std::to_string(max_json_depth) + " deep, got more");
}

// The text of an error of nlohmann's, which quotes what it read. As UTF-8, since clients get it too; whoever logs it
// escapes it.
[[nodiscard]] std::string shown(const Json::exception& error) {
    return http::shortened(error.what(), max_error_octets);
}

// Rejects values that nlohmann's writer would accept silently: it writes NaN and Infinity as null, the result of a
// failed parse without exceptions as "<discarded>", and uses stack in proportion to depth.
void check_writable(const Json& value, std::size_t depth) {
    if (value.is_discarded()) throw std::invalid_argument("expected JSON, got the result of a parse that has failed");
    if (value.is_number_float() && !std::isfinite(value.get<double>()))
        throw std::invalid_argument("expected JSON, got NaN or Infinity, which JSON does not have");
    if (!value.is_structured()) return;
    if (depth == 0) throw too_deep();
    for (const Json& each : value) check_writable(each, depth - 1);
}

[[nodiscard]] bool is_part_of_number(char character) noexcept {
    return (character >= '0' && character <= '9') || character == '-' || character == '+' || character == '.' ||
           character == 'e' || character == 'E';
}

template <class T>
[[nodiscard]] bool overflows(std::string_view digits) noexcept {
    T value{};
    return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc::result_out_of_range;
}

// nlohmann's parser turns an integer that does not fit into a double, and so into another number. Returns the length in
// octets of the number at the beginning of the text.
[[nodiscard]] std::size_t check_number(std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && is_part_of_number(text[size])) ++size;
    const std::string_view number = text.substr(0, size);
    const bool is_whole = number.find_first_of(".eE") == std::string_view::npos;
    if (is_whole && (number[0] == '-' ? overflows<std::int64_t>(number) : overflows<std::uint64_t>(number)))
        throw std::invalid_argument("expected JSON with integers from -2^63 to 2^64 - 1, got " +
                                    std::string(number.substr(0, max_shown_digits)) +
                                    (size > max_shown_digits ? "..." : "") + "; text holds any number");
    return size;
}

// Checks brackets and numbers outside strings before parsing: the parser needs no stack for depth, but code that walks
// its result does.
void check_depth_and_numbers(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char character = text[i];
        if (in_string) {
            if (character == '\\') ++i;
            if (character == '"') in_string = false;
        } else if (character == '"') {
            in_string = true;
        } else if (character == '[' || character == '{') {
            if (++depth > max_json_depth) throw too_deep();
        } else if ((character == ']' || character == '}') && depth > 0) {
            --depth;
        } else if (character == '-' || (character >= '0' && character <= '9')) {
            i += check_number(text.substr(i)) - 1;
        }
    }
}

}  // namespace

std::string write_json(const Json& value) {
    check_writable(value, max_json_depth);
    try {
        return value.dump();
    } catch (const Json::exception& error) {
        throw std::invalid_argument("expected JSON, got " + shown(error));
    }
}

Json parse_json(std::string_view text) {
    // A byte order mark at the beginning may be ignored (RFC 8259 section 8.1); .NET and some editors write one.
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    // A second one, which the parser itself would skip, is not JSON.
    if (text.starts_with(byte_order_mark)) throw std::invalid_argument("expected JSON, got a second byte order mark");
    check_depth_and_numbers(text);
    try {
        return Json::parse(text.begin(), text.end());
    } catch (const Json::exception& error) {
        throw std::invalid_argument("invalid JSON: " + shown(error));
    }
}

}  // namespace proapi
