// Percent and form decoding (RFC 3986 section 2.1, URL Standard section 5), and repair of invalid UTF-8. Each function
// decodes once, in linear time. Nothing here knows what a path, a query or a form is for.
#include "http/url.hpp"

#include <simdjson.h>

#include <algorithm>

#include "http/text.hpp"

namespace proapi::http {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";
constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// Returns the octet that the escape at `at`, a "%", stands for; negative if the escape is malformed.
constexpr int escaped_octet(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3) return -1;
    const int high = hex_value(text[at + 1]);
    const int low = hex_value(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void append_escaped(std::string& out, char c) {
    const auto octet = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(hex_digits[octet >> 4]);
    out.push_back(hex_digits[octet & 15]);
}

// One name or value of application/x-www-form-urlencoded.
std::string decode_form_text(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int octet = text[i] == '%' ? escaped_octet(text, i) : -1;
        if (octet >= 0) {
            decoded.push_back(static_cast<char>(octet));
            i += 2;
        } else {
            decoded.push_back(text[i] == '+' ? ' ' : text[i]);
        }
    }
    return replace_invalid_utf8(decoded);
}

// Takes the next pair that is not empty off the front of `query`. Returns false if there are no more.
bool take_pair(std::string_view& query, std::string_view& pair) noexcept {
    while (!query.empty()) {
        pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (!pair.empty()) return true;
    }
    return false;
}

std::string encode_form_text(std::string_view text) {
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_letter(c) || is_digit(c) || std::string_view{"*-._"}.find(c) != std::string_view::npos) {
            encoded.push_back(c);
        } else if (c == ' ') {
            encoded.push_back('+');
        } else {
            append_escaped(encoded, c);
        }
    }
    return encoded;
}

struct Sequence {
    std::size_t length = 1;  // octets of a character, or of the invalid part to replace by one U+FFFD
    bool valid = false;
};

// Returns the character or the maximal invalid part at the front (Unicode section 3.9, table 3-7 and U+FFFD
// substitution).
Sequence first_sequence(std::string_view text) noexcept {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = octet(0);
    if (first < 0x80) return {1, true};
    if (first < 0xc2 || first > 0xf4) return {1, false};
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    // The range of the second octet excludes overlong forms, surrogates and values beyond U+10FFFF.
    unsigned low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    for (std::size_t i = 1; i < length; ++i) {
        if (i == text.size() || octet(i) < low || octet(i) > high) return {i, false};
        low = 0x80;
        high = 0xbf;
    }
    return {length, true};
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded.push_back(text[i]);
            continue;
        }
        const int octet = escaped_octet(text, i);
        if (octet <= 0) return std::nullopt;
        decoded.push_back(static_cast<char>(octet));
        i += 2;
    }
    return decoded;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const bool unreserved =
            is_letter(c) || is_digit(c) || std::string_view{"-._~"}.find(c) != std::string_view::npos;
        if (unreserved || keep.find(c) != std::string_view::npos) {
            encoded.push_back(c);
        } else {
            append_escaped(encoded, c);
        }
    }
    return encoded;
}

Pairs parse_query(std::string_view query) {
    Pairs pairs;
    for (std::string_view pair; take_pair(query, pair);) {
        const std::size_t equals = pair.find('=');
        const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        pairs.emplace_back(decode_form_text(pair.substr(0, equals)), decode_form_text(value));
    }
    return pairs;
}

std::size_t count_pairs(std::string_view query) noexcept {
    std::size_t count = 0;
    for (std::string_view pair; take_pair(query, pair);) ++count;
    return count;
}

std::string write_query(const Pairs& pairs) {
    std::string query;
    for (const auto& [name, value] : pairs) {
        if (!query.empty()) query.push_back('&');
        query.append(encode_form_text(name)).append("=").append(encode_form_text(value));
    }
    return query;
}

std::string replace_invalid_utf8(std::string_view text) {
    if (simdjson::validate_utf8(text.data(), text.size())) return std::string{text};
    std::string valid;
    valid.reserve(text.size() + replacement.size());
    while (!text.empty()) {
        const Sequence sequence = first_sequence(text);
        valid.append(sequence.valid ? text.substr(0, sequence.length) : replacement);
        text.remove_prefix(sequence.length);
    }
    return valid;
}

}  // namespace proapi::http
