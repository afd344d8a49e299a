// Writes response heads and chunk prefixes (RFC 9112 sections 4, 6, 7.1 and 9.6). check_response() has already checked
// what the application contributed. The writer itself adds framing and Connection, so that neither can contradict what
// the engine does next.
#include "http/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>

namespace proapi::http {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array<std::string_view, 4> engine_fields{"Connection", "Content-Length", "Transfer-Encoding", "Date"};

bool is_engine_field(std::string_view name) noexcept {
    for (const std::string_view own : engine_fields) {
        if (equals_ignoring_case(name, own)) return true;
    }
    return false;
}

// Grows `out` once for all pieces.
template <std::same_as<std::string_view>... Pieces>
void append(std::string& out, Pieces... pieces) {
    const std::size_t size = out.size();
    out.resize(size + (pieces.size() + ...));
    char* place = out.data() + size;
    ((place = std::ranges::copy(pieces, place).out), ...);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    append(out, name, ": "sv, value, "\r\n"sv);
}

void append_number(std::string& out, std::string_view before, std::uint64_t number, std::string_view after) {
    std::array<char, 20> digits;  // of 2^64 - 1
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    append(out, before, std::string_view(digits.data(), end), after);
}

// If the end of the body is the end of the connection, there is nothing to keep alive.
bool ends_by_close(const ResponseHead& head) noexcept {
    return status_has_body(head.status) && !head.content_length && !streams_in_chunks(head);
}

// What the caller's fields say about the connection; most say nothing.
struct ConnectionFields {
    bool connection = false, upgrade = false, keep_alive = false;
};

// Returns the seconds for Keep-Alive, or 0 to leave it out. As a hop-by-hop field it is listed in Connection, so that a
// proxy does not pass it on.
std::uint64_t announced_seconds(const ResponseHead& head, const ConnectionFields& given) {
    if (!head.keep_alive || head.status < 200 || ends_by_close(head) || given.keep_alive ||
        (given.connection && head.headers.has_token("Connection", "close")))
        return 0;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(head.keep_alive_timeout).count();
    return seconds > 0 ? static_cast<std::uint64_t>(seconds) : 0;
}

// Returns the options of Connection: those that the caller's fields name, `upgrade` with an Upgrade field (RFC 9110
// section 7.8), and what happens to the connection, if that is not the default of the version in the status line, 1.1.
std::string connection_options(const ResponseHead& head, const ConnectionFields& given, bool announces_keep_alive) {
    std::string options;
    const auto add = [&](std::string_view option) { options.append(options.empty() ? "" : ", ").append(option); };
    if (given.connection) {
        for (const std::string_view value : head.headers.getlist("Connection"))
            if (!value.empty()) add(value);
    }
    if (given.upgrade && !head.headers.has_token("Connection", "upgrade")) add("upgrade");
    if (head.status < 200) return options;
    const bool says_close = given.connection && head.headers.has_token("Connection", "close");
    if (!head.keep_alive || ends_by_close(head)) {
        if (!says_close) add("close");
    } else if ((head.minor_version == 0 || announces_keep_alive) && !says_close) {
        add("keep-alive");
    }
    return options;
}

}  // namespace

Result<void> check_response(int status, const Headers& headers) {
    if (status < 200 || status > 599) return make_error(ErrorCode::bad_status, {std::to_string(status)});
    for (const Header field : headers) {
        // The name may contain what breaks a log line, so the text shows it only after is_token() has accepted it.
        if (!is_token(field.name)) return make_error(ErrorCode::bad_header_name);
        if (is_engine_field(field.name)) return make_error(ErrorCode::engine_header, {field.name});
        if (!is_field_value(field.value)) return make_error(ErrorCode::bad_header_value, {field.name});
    }
    return {};
}

std::string write_response_head(const ResponseHead& head, std::string_view date) {
    std::string out;
    out.reserve(256);
    // RFC 9110 section 2.5: the highest version that the server conforms to, whatever the client's version.
    append_number(out, "HTTP/1.1 ", static_cast<std::uint64_t>(head.status), " ");
    append(out, reason_phrase(head.status), "\r\n"sv);
    if (!date.empty()) append_field(out, "Date", date);
    ConnectionFields given;
    for (const Header field : head.headers) {
        if (equals_ignoring_case(field.name, "Connection")) given.connection = true;
        if (is_engine_field(field.name)) continue;
        if (equals_ignoring_case(field.name, "Upgrade")) given.upgrade = true;
        if (equals_ignoring_case(field.name, "Keep-Alive")) given.keep_alive = true;
        append_field(out, field.name, field.value);
    }
    if (status_has_body(head.status)) {
        if (head.content_length) {
            append_number(out, "Content-Length: ", *head.content_length, "\r\n");
        } else if (streams_in_chunks(head)) {
            append_field(out, "Transfer-Encoding", "chunked");
        }
    }
    const std::uint64_t seconds = announced_seconds(head, given);
    if (const std::string options = connection_options(head, given, seconds > 0); !options.empty())
        append_field(out, "Connection", options);
    if (seconds > 0) append_number(out, "Keep-Alive: timeout=", seconds, "\r\n");
    append(out, "\r\n"sv);
    return out;
}

}  // namespace proapi::http
