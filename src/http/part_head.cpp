#include "http/part_head.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.hpp"
#include "http/form.hpp"
#include "http/headers.hpp"
#include "http/line.hpp"
#include "http/parameters.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// Decodes what browsers (HTML Standard, "multipart/form-data encoding algorithm") and other clients escape in a quoted
// name. A backslash before any other octet stands for itself: Windows paths.
std::string decode_quoted(std::string_view quoted) {
    static constexpr auto escapes = std::to_array<std::pair<std::string_view, char>>(
        {{"\\\"", '"'}, {"\\\\", '\\'}, {"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}});
    std::string text;
    text.reserve(quoted.size());
    while (!quoted.empty()) {
        const auto* const found = std::find_if(escapes.begin(), escapes.end(),
                                               [&](const auto& escape) { return quoted.starts_with(escape.first); });
        text.push_back(found == escapes.end() ? quoted.front() : found->second);
        quoted.remove_prefix(found == escapes.end() ? 1 : found->first.size());
    }
    return text;
}

std::string latin_1_to_utf8(std::string_view text) {
    std::string utf8;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x80) {
            utf8.push_back(c);
        } else {
            utf8.push_back(static_cast<char>(0xc0 | (octet >> 6)));
            utf8.push_back(static_cast<char>(0x80 | (octet & 0x3f)));
        }
    }
    return utf8;
}

bool is_utf8(std::string_view text) noexcept {
    return base::is_valid_utf8(base::as_bytes(text));
}

Result<void> read_name(const Parameter& parameter, std::optional<std::string>& name) {
    if (name) return make_error(ErrorCode::part_name_twice, {parameter.name});
    name = parameter.is_quoted ? decode_quoted(parameter.value) : std::string(parameter.value);
    if (!is_utf8(*name)) return make_error(ErrorCode::part_name_not_utf8, {parameter.name, quoted(*name)});
    return {};
}

// UTF-8'en'%e2%82%ac (RFC 8187 section 3.2.1); some clients put quotes around the value.
Result<void> read_extended_name(const Parameter& parameter, std::optional<std::string>& name) {
    if (name) return make_error(ErrorCode::part_name_twice, {parameter.name});
    const std::size_t charset_end = parameter.value.find('\'');
    const std::size_t language_end =
        charset_end == std::string_view::npos ? std::string_view::npos : parameter.value.find('\'', charset_end + 1);
    const std::string_view charset = parameter.value.substr(0, charset_end);
    const bool is_latin_1 = equals_ignoring_case(charset, "iso-8859-1");
    if (language_end == std::string_view::npos || (!is_latin_1 && !equals_ignoring_case(charset, "utf-8")))
        return make_error(ErrorCode::bad_extended_charset, {parameter.name, quoted(parameter.value)});
    name = percent_decode(parameter.value.substr(language_end + 1));
    if (name && is_latin_1) name = latin_1_to_utf8(*name);
    if (!name || !is_utf8(*name))
        return make_error(ErrorCode::bad_extended_value, {parameter.name, charset, quoted(parameter.value)});
    return {};
}

Result<void> read_disposition(std::string_view value, PartHead& head) {
    const ParameterizedValue given = parse_parameters(value);
    if (given.error != ErrorCode::none) return with_context("Content-Disposition", make_error(given.error));
    // RFC 7578 section 4.2.
    if (!equals_ignoring_case(given.value, "form-data"))
        return make_error(ErrorCode::not_form_data, {quoted(given.value)});
    std::optional<std::string> name, extended;
    for (const Parameter& parameter : given.parameters) {
        Result<void> read;
        if (equals_ignoring_case(parameter.name, "name")) {
            read = read_name(parameter, name);
        } else if (equals_ignoring_case(parameter.name, "filename")) {
            read = read_name(parameter, head.filename);
        } else if (equals_ignoring_case(parameter.name, "filename*")) {
            // RFC 7578 section 4.2: MUST NOT be sent. Older clients do send it, and their part is nevertheless a file.
            read = read_extended_name(parameter, extended);
        } else if (equals_ignoring_case(parameter.name.substr(0, 9), "filename*")) {
            // The pieces of RFC 2231 section 3. Ignoring them would turn a file into a text field.
            read = make_error(ErrorCode::filename_in_pieces, {quoted(parameter.name)});
        }
        if (!read) return read;
    }
    if (extended) head.filename = std::move(extended);  // RFC 6266 section 4.3: preferred
    if (!name) return make_error(ErrorCode::no_part_name);
    head.name = *std::move(name);
    return {};
}

Result<void> read_encoding(std::string_view value) {
    // RFC 7578 section 4.7: deprecated. These three mean that nothing is encoded.
    for (const std::string_view plain : {"7bit", "8bit", "binary"})
        if (equals_ignoring_case(value, plain)) return {};
    return make_error(ErrorCode::bad_part_encoding, {quoted(value)});
}

}  // namespace

Result<void> PartHead::read(std::string_view line) {
    if (++field_count_ > max_part_fields)
        return make_error(ErrorCode::too_many_part_fields, {std::to_string(max_part_fields)});
    const auto field = parse_field_line(line);
    if (!field) return make_error(field.error());
    bool twice = false;
    Result<void> read;
    if (equals_ignoring_case(field->name, "content-disposition")) {
        twice = std::exchange(has_disposition_, true);
        read = read_disposition(field->value, *this);
    } else if (equals_ignoring_case(field->name, "content-type")) {
        twice = std::exchange(has_type_, true);
        if (!is_field_value(field->value)) read = make_error(ErrorCode::bad_part_type, {quoted(field->value)});
        content_type = field->value;
    } else if (equals_ignoring_case(field->name, "content-transfer-encoding")) {
        twice = std::exchange(has_encoding_, true);
        read = read_encoding(field->value);
    }
    if (twice) return make_error(ErrorCode::part_field_twice, {field->name});
    return read;
}

Result<void> PartHead::finish() const {
    if (!has_disposition_) return make_error(ErrorCode::no_disposition);
    return {};
}

}  // namespace proapi::http
