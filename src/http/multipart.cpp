#include "http/multipart.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/utf8.hpp"
#include "http/headers.hpp"
#include "http/line.hpp"
#include "http/parameters.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// ---- delimiters -----------------------------------------------------------------------------------------------------

struct Delimiter {
    std::size_t begin;  // of the CRLF before it, which belongs to the delimiter and not to the data
    std::size_t end;    // after the CRLF that ends its line
    bool is_last;       // "--boundary--"
};

class Delimiters {
public:
    Delimiters(std::string_view boundary, std::string_view body)
        : text_("\r\n--" + std::string(boundary)), body_(body) {}

    [[nodiscard]] std::optional<Delimiter> first() const {
        const std::string_view without_line_end = std::string_view(text_).substr(2);
        if (body_.starts_with(without_line_end))
            if (const auto found = read(0, without_line_end.size())) return found;
        return next(0);
    }

    // Returns the first delimiter that begins at `from` or later. Linear: `text_` begins with CR and contains no other,
    // so octets of a failed comparison need not be examined again.
    [[nodiscard]] std::optional<Delimiter> next(std::size_t from) const {
        for (std::size_t at = body_.find(text_, from); at != std::string_view::npos; at = body_.find(text_, from)) {
            from = at + text_.size();
            if (const auto found = read(at, from)) return found;
        }
        return std::nullopt;
    }

private:
    // Reads the rest of the delimiter's line from `at`. Returns nullopt if the line continues: it is another boundary,
    // or data.
    [[nodiscard]] std::optional<Delimiter> read(std::size_t begin, std::size_t at) const noexcept {
        const bool is_last = body_.substr(at, 2) == "--";
        if (is_last) at += 2;
        at = std::min(body_.find_first_not_of(" \t", at), body_.size());
        if (body_.substr(at, 2) == "\r\n") return Delimiter{begin, at + 2, is_last};
        if (is_last && at == body_.size()) return Delimiter{begin, at, is_last};
        return std::nullopt;
    }

    std::string text_;
    std::string_view body_;
};

// ---- the head of a part ---------------------------------------------------------------------------------------------

struct PartHead {
    std::optional<std::string> name, filename;
    std::string_view content_type;
    bool has_disposition = false, has_type = false, has_encoding = false;
};

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
    std::optional<std::string> extended;
    for (const Parameter& parameter : given.parameters) {
        Result<void> read;
        if (equals_ignoring_case(parameter.name, "name")) {
            read = read_name(parameter, head.name);
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
    if (!head.name) return make_error(ErrorCode::no_part_name);
    return {};
}

Result<void> read_encoding(std::string_view value) {
    // RFC 7578 section 4.7: deprecated. These three mean that nothing is encoded.
    for (const std::string_view plain : {"7bit", "8bit", "binary"})
        if (equals_ignoring_case(value, plain)) return {};
    return make_error(ErrorCode::bad_part_encoding, {quoted(value)});
}

Result<void> read_field(const FieldLine& field, PartHead& head) {
    bool twice = false;
    Result<void> read;
    if (equals_ignoring_case(field.name, "content-disposition")) {
        twice = std::exchange(head.has_disposition, true);
        read = read_disposition(field.value, head);
    } else if (equals_ignoring_case(field.name, "content-type")) {
        twice = std::exchange(head.has_type, true);
        if (!is_field_value(field.value)) read = make_error(ErrorCode::bad_part_type, {quoted(field.value)});
        head.content_type = field.value;
    } else if (equals_ignoring_case(field.name, "content-transfer-encoding")) {
        twice = std::exchange(head.has_encoding, true);
        read = read_encoding(field.value);
    }
    if (twice) return make_error(ErrorCode::part_field_twice, {field.name});
    return read;
}

// Takes the head off the front of `part`, which ends at the beginning of the next delimiter.
Result<void> take_head(std::string_view& part, PartHead& head) {
    const std::size_t size = part.size();
    // RFC 2046 section 5.1.1: if there is no data, the empty line may be missing; its CRLF then belongs to the
    // delimiter.
    for (std::size_t fields = 0; !part.empty(); ++fields) {
        const std::size_t taken = size - part.size();
        std::string_view line = part.substr(0, max_part_head_bytes - taken);
        const std::size_t line_end = line.find('\n');
        if (line_end == std::string_view::npos && line.size() == max_part_head_bytes - taken)
            return make_error(ErrorCode::part_head_too_long, {std::to_string(max_part_head_bytes)});
        if (line_end == std::string_view::npos) return make_error(ErrorCode::part_ends_in_head);
        line = line.substr(0, line_end);
        part.remove_prefix(line_end + 1);
        if (const ErrorCode error = strip_line_end(line); error != ErrorCode::none) return make_error(error);
        if (line.empty()) break;
        if (fields == max_part_fields) return make_error(ErrorCode::too_many_part_fields, {std::to_string(fields)});
        const auto field = parse_field_line(line);
        if (!field) return make_error(field.error());
        if (auto read = read_field(*field, head); !read) return read;
    }
    if (!head.has_disposition) return make_error(ErrorCode::no_disposition);
    return {};
}

// ---- parts ----------------------------------------------------------------------------------------------------------

Result<void> read_part(std::string_view part, Form& form) {
    PartHead head;
    if (auto taken = take_head(part, head); !taken) return taken;
    if (head.filename) {
        // A file field that the user left empty.
        if (head.filename->empty() && part.empty()) return {};
        // RFC 7578 section 4.4, and RFC 2045 section 5.2 for an empty Content-Type.
        const std::string_view type = head.content_type.empty() ? "text/plain" : head.content_type;
        form.files.push_back({std::move(*head.name), std::move(*head.filename), type, part});
        return {};
    }
    if (!is_utf8(part)) return make_error(ErrorCode::part_not_utf8);
    form.fields.emplace_back(std::move(*head.name), part);
    return {};
}

}  // namespace

Result<Form> parse_multipart(std::string_view boundary, std::string_view body) {
    const Delimiters delimiters(boundary, body);
    Form form;
    std::optional<Delimiter> delimiter = delimiters.first();
    if (!delimiter) return make_error(ErrorCode::no_first_boundary);
    for (std::size_t number = 1; !delimiter->is_last; ++number) {
        if (number > max_form_parts) return make_error(ErrorCode::too_many_parts, {std::to_string(max_form_parts)});
        const std::size_t begin = delimiter->end;
        // The CRLF that ends one delimiter's line may begin the next delimiter: the part between them is empty.
        delimiter = delimiters.next(begin - 2);
        if (!delimiter) return make_error(ErrorCode::no_last_boundary);
        const std::string_view part = body.substr(begin, std::max(delimiter->begin, begin) - begin);
        if (auto read = read_part(part, form); !read)
            return with_context("part " + std::to_string(number), std::move(read).error());
    }
    return form;
}

}  // namespace proapi::http
