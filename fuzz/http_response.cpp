// Feeds the fields of a response, "name:value|name:value", to check_response() and write_response_head().
// Oracle: a response that check_response() accepts is written as one head. Its lines are the response's fields and no
// others, with one framing and one Connection field, so no field value can become another field.
#include "http/response.hpp"

#include "http/line.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

// Returns the fields of a written head. The text must be exactly one head.
http::Headers read_written_head(std::string_view text, int status) {
    http::Headers fields;
    const std::string first = "HTTP/1.1 " + std::to_string(status) + " " + std::string(http::reason_phrase(status));
    check_equal(text.substr(0, text.find("\r\n")), first, "the first line is the status");
    text.remove_prefix(first.size() + 2);
    while (!text.starts_with("\r\n")) {
        const std::size_t end = text.find("\r\n");
        check(end != std::string_view::npos, "a head ends with an empty line", text);
        const auto field = http::parse_field_line(text.substr(0, end));
        check_equal(error_text(field), "", "every line of a head is a field");
        fields.add(field->name, field->value);
        text.remove_prefix(end + 2);
    }
    check(text.size() == 2, "nothing follows a head", text);
    return fields;
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_response) {
    using namespace proapi;
    using namespace proapi::fuzz;
    http::ResponseHead head;
    head.status = input.take_number<std::uint16_t>() % 1000;
    const std::uint8_t choice = input.take_octet();
    head.keep_alive = (choice & 1) != 0;
    if ((choice & 2) != 0) head.content_length = choice;
    if ((choice & 4) != 0) head.minor_version = 0;
    if ((choice & 8) != 0) head.keep_alive_timeout = std::chrono::milliseconds(choice * 100);
    while (!input.empty()) {
        const std::string_view line = input.take_line('|');
        const std::size_t colon = std::min(line.find(':'), line.size());
        head.headers.add(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
    }
    if (!http::check_response(head.status, head.headers)) return;

    const std::string text = http::write_response_head(head, http::format_date(0));
    const http::Headers written = read_written_head(text, head.status);
    for (const http::Header field : head.headers)
        check(written.count(field.name) == head.headers.count(field.name) ||
                  http::equals_ignoring_case(field.name, "keep-alive"),
              "every field is written, and none twice", text);
    check(written.count("Connection") <= 1, "there is one Connection field", text);
    const bool has_body = http::status_has_body(head.status);
    const bool ends = !head.keep_alive || (has_body && !head.content_length && head.minor_version == 0);
    check(written.has_token("Connection", "close") == ends, "a connection that ends is said to end", text);
    const bool has_length = written.contains("Content-Length"), is_chunked = written.contains("Transfer-Encoding");
    check(!(has_length && is_chunked), "there is one framing", text);
    check(is_chunked == (has_body && http::streams_in_chunks(head)), "a body of unknown length goes in chunks", text);
    check(written.count("Date") == 1, "there is one Date", text);
}
