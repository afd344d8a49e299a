// Feeds one text to percent decoding, queries, cookies and UTF-8 validation, the last also in pieces.
// Oracle: an encoded text is decoded to the same text. Pairs that are serialized again are parsed as the same pairs. A
// text is valid if and only if making it valid changes nothing, however it is cut.
#include "base/utf8.hpp"
#include "http/text.hpp"
#include "http/url.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

void check_percent(std::string_view text) {
    const bool has_nul = text.find('\0') != std::string_view::npos;
    for (const std::string_view keep : {"", "/", "/:@!$&'()*+,;="}) {
        const std::string encoded = http::percent_encode(text, keep);
        const auto decoded = http::percent_decode(encoded);
        check(decoded.has_value() != has_nul, "all but NUL can be decoded", encoded);
        if (decoded) check_equal(*decoded, text, "what is encoded is decoded to the same");
    }
    const auto decoded = http::percent_decode(text);
    if (!decoded) return;
    check(decoded->size() <= text.size(), "decoding lengthens nothing", text);
    check(http::percent_decode(http::percent_encode(*decoded)) == decoded || has_nul, "decoded text can be encoded");
}

void check_query(std::string_view text) {
    const http::Pairs pairs = http::parse_query(text);
    check(http::count_pairs(text) == pairs.size(), "count_pairs() counts the pairs", text);
    for (const auto& [name, value] : pairs)
        check(base::is_valid_utf8(base::as_bytes(name)) && base::is_valid_utf8(base::as_bytes(value)),
              "pairs are UTF-8", text);
    const std::string written = http::write_query(pairs);
    check(http::parse_query(written) == pairs, "a query that is written again has the same pairs", written);
}

void check_cookies(std::string_view text) {
    const http::Pairs cookies = http::parse_cookies(text);
    std::string written;
    for (const auto& [name, value] : cookies) {
        check(!name.empty() && name.find_first_of("=;") == std::string::npos, "a cookie has a name", name);
        check(value.find(';') == std::string::npos, "a cookie's value has no semicolon", value);
        written.append(written.empty() ? "" : "; ").append(name).append("=\"").append(value).append("\"");
    }
    check(http::parse_cookies(written) == cookies, "cookies that are written again are the same", written);

    const bool is_in_quotes = text.size() >= 2 && text.starts_with('"') && text.ends_with('"');
    if (text.find(';') != std::string_view::npos || http::trim(text) != text || is_in_quotes) return;
    const http::Pairs expected{{"name", std::string(text)}};
    check(http::parse_cookies("name=" + std::string(text)) == expected, "a plain value is kept as it is", text);
}

// Returns whether `pieces` are UTF-8, and how many octets were accepted.
std::pair<bool, std::uint64_t> validate(const std::vector<std::string_view>& pieces) {
    base::Utf8Validator validator;
    for (const std::string_view piece : pieces) {
        const Block block(piece);
        if (!validator.feed(base::as_bytes(block.text()))) break;
    }
    return {validator.is_complete(), validator.accepted_octets()};
}

void check_utf8(std::string_view text, const std::vector<std::size_t>& cuts) {
    const std::string made_valid = http::replace_invalid_utf8(text);
    const bool is_valid = base::is_valid_utf8(base::as_bytes(text));
    check(base::is_valid_utf8(base::as_bytes(made_valid)), "what was made valid is valid", made_valid);
    check(is_valid == (made_valid == text), "only invalid text is changed", text);
    const auto whole = validate({text});
    check(whole.first == is_valid, "both validators agree", text);
    check(validate(cut(text, cuts)) == whole, "cut, text is as valid as whole", text);
    check(validate(cut_everywhere(text)) == whole, "octet by octet, text is as valid as whole", text);
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_url) {
    using namespace proapi::fuzz;
    const auto cuts = input.take_cuts();
    const Block text(input.rest());
    check_percent(text.text());
    check_query(text.text());
    check_cookies(text.text());
    check_utf8(text.text(), cuts);
}
