// Feeds a Content-Type, which is the first line, and a body to parse_form().
// Oracle: a form that is serialized by the rules of the URL and HTML Standards is parsed as the same form. Names and
// texts are UTF-8, files are views of the body, limits hold, and a refused form has no parts. A model that works by
// lines finds the same parts, and so does the reader of a body that arrives in pieces.
#include <optional>
#include <set>

#include "base/utf8.hpp"
#include "http/form.hpp"
#include "http/headers.hpp"
#include "http/multipart_reader.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

constexpr std::string_view urlencoded = "application/x-www-form-urlencoded";

bool is_text(std::string_view text) {
    return base::is_valid_utf8(base::as_bytes(text));
}

bool lies_within(std::string_view part, std::string_view whole) {
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_same_form(const http::Result<http::Form>& again, const http::Form& expected, std::string_view body) {
    check_equal(error_text(again), "", "a form that is written again is accepted");
    const http::Form& got = *again;
    check(got.fields == expected.fields, "a form that is written again has the same fields", body);
    check(got.files.size() == expected.files.size(), "a form that is written again has as many files", body);
    for (std::size_t i = 0; i < got.files.size(); ++i) {
        const http::FormFile &one = got.files[i], &other = expected.files[i];
        check_equal(one.name, other.name, "a file that is written again has the same name");
        check_equal(one.filename, other.filename, "a file that is written again has the same filename");
        check_equal(one.content_type, other.content_type, "a file that is written again has the same type");
        check_equal(one.data, other.data, "a file that is written again has the same data");
    }
}

// Writes the name in quotes, as browsers do. Returns false if no quoted form stands for this name.
bool write_quoted(std::string_view name, std::string& out) {
    out += '"';
    for (std::size_t i = 0; i < name.size(); ++i) {
        for (const std::string_view escape : {"%22", "%0D", "%0A"})
            if (name.substr(i).starts_with(escape)) return false;
        const auto octet = static_cast<unsigned char>(name[i]);
        if ((octet < 0x20 && name[i] != '\t' && name[i] != '\r' && name[i] != '\n') || octet == 0x7f) return false;
        switch (name[i]) {
            case '"':
                out += "%22";
                break;
            case '\r':
                out += "%0D";
                break;
            case '\n':
                out += "%0A";
                break;
            case '\\':
                out += "\\\\";
                break;
            default:
                out += name[i];
        }
    }
    out += '"';
    return true;
}

bool write_part(std::string_view name, const http::FormFile* file, std::string_view data, std::string& out) {
    std::string head = "Content-Disposition: form-data; name=";
    if (!write_quoted(name, head)) return false;
    // This form can express every octet of a filename except NUL, which a filename never contains.
    if (file) head += "; filename*=UTF-8''" + http::percent_encode(file->filename, "");
    head += "\r\n";
    if (file) head.append("Content-Type: ").append(file->content_type).append("\r\n");
    head += "\r\n";
    if (head.size() > http::max_part_head_bytes) return false;
    out.append("--limit\r\n").append(head).append(data).append("\r\n");
    return true;
}

void check_written_multipart(const http::Form& form) {
    std::string body;
    for (const auto& [name, value] : form.fields)
        if (!write_part(name, nullptr, value, body)) return;
    for (const http::FormFile& file : form.files)
        if (!write_part(file.name, &file, file.data, body)) return;
    const auto holds_boundary = [](std::string_view text) { return text.find("--limit") != std::string_view::npos; };
    for (const auto& field : form.fields)
        if (holds_boundary(field.second)) return;
    for (const http::FormFile& file : form.files)
        if (holds_boundary(file.data)) return;
    body += "--limit--\r\n";
    check_same_form(http::parse_form("multipart/form-data; boundary=limit", body), form, body);
}

// Returns the text between the delimiter lines, part heads included, or nothing if the last delimiter is missing. It
// works line by line, whereas parse_multipart() searches for the delimiter.
std::optional<std::vector<std::string_view>> model_parts(std::string_view delimiter, std::string_view body) {
    std::vector<std::string_view> parts;
    std::optional<std::size_t> begin;  // where the part begins
    for (std::size_t at = 0, end = 0; at <= body.size(); at = end + 2) {
        end = std::min(body.find("\r\n", at), body.size());
        const bool ends_with_crlf = end < body.size();
        std::string_view line = body.substr(at, end - at);
        if (!line.starts_with(delimiter)) continue;
        line.remove_prefix(delimiter.size());
        const bool is_last = line.starts_with("--");
        if (is_last) line.remove_prefix(2);
        if (line.find_first_not_of(" \t") != std::string_view::npos || (!ends_with_crlf && !is_last)) continue;
        if (line.size() > http::max_delimiter_padding) continue;
        // The CRLF before a delimiter belongs to it. For an empty part it is also the end of the delimiter before.
        if (begin) parts.push_back(body.substr(*begin, std::max(at - 2, *begin) - *begin));
        if (is_last) return parts;
        begin = end + 2;
    }
    return std::nullopt;
}

void check_model_parts(const http::Form& form, std::string_view boundary, std::string_view body) {
    const auto parts = model_parts("--" + std::string(boundary), body);
    check(parts.has_value(), "an accepted body has its last delimiter", body);
    std::multiset<std::string_view> expected, got;
    for (const std::string_view part : *parts) {
        const std::size_t head_end = part.find("\r\n\r\n");
        expected.insert(head_end == std::string_view::npos ? "" : part.substr(head_end + 4));
    }
    for (const auto& field : form.fields) got.insert(field.second);
    for (const http::FormFile& file : form.files) got.insert(file.data);
    // A file field that was left empty is not a file.
    while (got.size() < expected.size()) got.insert("");
    check(got == expected, "the data of the parts are what stands between the delimiters", body);
}

// Adds what is read. Returns false at the end and after an error.
bool read_all(http::MultipartReader& reader, std::string& out) {
    while (true) {
        const auto event = reader.next();
        if (!event) {
            out += "error: " + event.error().text;
            return false;
        }
        if (*event == http::MultipartEvent::need_data) return true;
        if (*event == http::MultipartEvent::part) out += "part: " + reader.head().name + "\n";
        if (*event == http::MultipartEvent::data) out += reader.data();
        if (*event == http::MultipartEvent::part_end) out += "\nend of a part\n";
        if (*event == http::MultipartEvent::end) return false;
    }
}

std::string read_in_pieces(std::string_view body, std::size_t size) {
    http::MultipartReader reader("X");
    std::string out;
    while (!body.empty()) {
        const Block piece(body.substr(0, size));
        body.remove_prefix(std::min(size, body.size()));
        reader.feed(piece.text());
        if (!read_all(reader, out)) return out;
    }
    reader.finish();
    read_all(reader, out);
    return out;
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_form) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const Block content_type(input.take_line());
    const Block body(input.rest());
    const auto multipart = http::parse_form("multipart/form-data; boundary=X", body.text());
    if (multipart) check_model_parts(*multipart, "X", body.text());
    const std::size_t size = 1 + content_type.text().size() % 16;
    check_equal(read_in_pieces(body.text(), size), read_in_pieces(body.text(), body.text().size()),
                "a body in pieces has the same parts");
    const auto parsed = http::parse_form(content_type.text(), body.text());
    if (!parsed) {
        const http::Error& error = parsed.error();
        check(error.status() == 400 || error.status() == 415, "a form is refused with 400 or 415");
        check(!error.text.empty() && is_text(error.text), "a refusal says why, in UTF-8", error.text);
        return;
    }
    const http::Form& form = *parsed;
    check(form.fields.size() + form.files.size() <= http::max_form_parts, "max_form_parts holds");
    for (const auto& [name, value] : form.fields) check(is_text(name) && is_text(value), "fields are UTF-8", name);
    for (const http::FormFile& file : form.files) {
        check(is_text(file.name) && is_text(file.filename), "names of files are UTF-8", file.filename);
        check(!file.content_type.empty() && http::is_field_value(file.content_type), "a file has a type in ASCII",
              file.content_type);
        check(file.data.empty() || lies_within(file.data, body.text()), "a file's data are a view of the body");
    }
    if (form.files.empty())
        check_same_form(http::parse_form(urlencoded, http::write_query(form.fields)), form, body.text());
    check_written_multipart(form);
}
