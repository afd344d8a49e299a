// Writes response heads and chunk prefixes (RFC 9112 sections 4, 6, 7.1 and 9.6). check_response() has already checked
// what the application contributed. The writer itself adds framing and Connection, so that neither can contradict what
// the engine does next.
#include "http/response.hpp"

#include <array>

namespace proapi::http {
namespace {

constexpr std::array<std::string_view, 4> engine_fields{"Connection", "Content-Length", "Transfer-Encoding", "Date"};

bool is_engine_field(std::string_view name) noexcept {
    for (const std::string_view own : engine_fields) {
        if (equals_ignoring_case(name, own)) return true;
    }
    return false;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

// If the end of the body is the end of the connection, there is nothing to keep alive.
bool ends_by_close(const ResponseHead& head) noexcept {
    return status_has_body(head.status) && !head.content_length && !streams_in_chunks(head);
}

// Returns the seconds for Keep-Alive, or 0 to leave it out. As a hop-by-hop field it is listed in Connection, so that a
// proxy does not pass it on.
std::int64_t announced_seconds(const ResponseHead& head) {
    if (!head.keep_alive || head.status < 200 || ends_by_close(head) || head.headers.has_token("Connection", "close") ||
        head.headers.contains("Keep-Alive"))
        return 0;
    return std::chrono::duration_cast<std::chrono::seconds>(head.keep_alive_timeout).count();
}

// Returns the options of Connection: those that the caller's fields name, `upgrade` with an Upgrade field (RFC 9110
// section 7.8), and what happens to the connection, if that is not the default of the version in the status line, 1.1.
std::string connection_options(const ResponseHead& head) {
    std::string options;
    const auto add = [&](std::string_view option) { options.append(options.empty() ? "" : ", ").append(option); };
    for (const std::string_view value : head.headers.getlist("Connection")) {
        if (!value.empty()) add(value);
    }
    if (head.headers.contains("Upgrade") && !head.headers.has_token("Connection", "upgrade")) add("upgrade");
    if (head.status < 200) return options;
    const bool says_close = head.headers.has_token("Connection", "close");
    if (!head.keep_alive || ends_by_close(head)) {
        if (!says_close) add("close");
    } else if ((head.minor_version == 0 || announced_seconds(head) > 0) && !says_close) {
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
    out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ");
    out.append(reason_phrase(head.status)).append("\r\n");
    if (!date.empty()) append_field(out, "Date", date);
    for (const Header field : head.headers) {
        if (!is_engine_field(field.name)) append_field(out, field.name, field.value);
    }
    if (status_has_body(head.status)) {
        if (head.content_length) {
            append_field(out, "Content-Length", std::to_string(*head.content_length));
        } else if (streams_in_chunks(head)) {
            append_field(out, "Transfer-Encoding", "chunked");
        }
    }
    if (const std::string options = connection_options(head); !options.empty()) {
        append_field(out, "Connection", options);
    }
    if (const std::int64_t seconds = announced_seconds(head); seconds > 0)
        append_field(out, "Keep-Alive", "timeout=" + std::to_string(seconds));
    out.append("\r\n");
    return out;
}

}  // namespace proapi::http
