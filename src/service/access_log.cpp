#include "service/access_log.hpp"

#include <array>
#include <charconv>
#include <new>

#include "http/response.hpp"
#include "service/log.hpp"

namespace proapi::service {

namespace {

constexpr std::size_t max_target_octets = 2048;  // octets of a request's target that a line shows

[[nodiscard]] std::int64_t to_seconds(std::chrono::system_clock::time_point time) noexcept {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

[[nodiscard]] std::string format_milliseconds(std::chrono::steady_clock::duration duration) {
    std::array<char, 32> digits{};
    const double value = std::chrono::duration<double, std::milli>(duration).count();
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, 3);
    return error == std::errc() ? std::string(digits.data(), end) : "0";
}

// Returns "30/Nov/2026:10:00:00 +0000" for "Mon, 30 Nov 2026 10:00:00 GMT".
[[nodiscard]] std::string common_time(std::chrono::system_clock::time_point time) {
    const std::string date = http::format_date(to_seconds(time));
    return date.substr(5, 2) + "/" + date.substr(8, 3) + "/" + date.substr(12, 4) + ":" + date.substr(17, 8) + " +0000";
}

// "2026-11-30T10:00:00Z" (RFC 3339).
[[nodiscard]] std::string iso_time(std::chrono::system_clock::time_point time) {
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
    const std::string date = http::format_date(to_seconds(time));
    const auto month = static_cast<unsigned>(day.month());
    return date.substr(12, 4) + (month < 10 ? "-0" : "-") + std::to_string(month) + "-" + date.substr(5, 2) + "T" +
           date.substr(17, 8) + "Z";
}

// Escapes quotes, which would end the field.
[[nodiscard]] std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : escape_for_log(text, max_target_octets))
        if (c == '"') {
            out += "\\x22";
        } else {
            out += c;
        }
    return out + '"';
}

// Writes a JSON string (RFC 8259 section 7); octets beyond ASCII appear as U+0080 to U+00FF.
[[nodiscard]] std::string json_text(std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text.substr(0, max_target_octets)) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else if (octet < 0x20 || octet >= 0x7f) {
            out += "\\u00";
            out += {digits[octet >> 4], digits[octet & 15]};
        } else {
            out += c;
        }
    }
    return out + '"';
}

[[nodiscard]] std::string_view find_client(const RequestInfo& request) noexcept {
    return request.client.host.empty() ? "-" : std::string_view(request.client.host);
}

// If `verb` is not empty, it replaces the method in lines that do not report a request.
[[nodiscard]] std::string common_line(const RequestInfo& request, std::chrono::system_clock::time_point time,
                                      std::string_view verb, int number, std::string_view bytes) {
    const http::RequestHead& head = request.head;
    std::string line = escape_for_log(find_client(request)) + " - - [" + common_time(time) + "] ";
    line += head.method.empty() ? "\"-\""
                                : quoted(std::string(verb.empty() ? std::string_view(head.method) : verb) + " " +
                                         head.target + " HTTP/1." + std::to_string(head.minor_version));
    return line + " " + (number == 0 ? "-" : std::to_string(number)) + " " + std::string(bytes);
}

class JsonLine {
public:
    JsonLine(std::string_view event, const RequestInfo& request, std::string_view route,
             std::chrono::system_clock::time_point time) {
        text("time", iso_time(time));
        text("event", event);
        text("client", find_client(request));
        text("method", request.head.method);
        text("target", request.head.target);
        if (!route.empty()) text("route", route);
    }
    void text(std::string_view name, std::string_view value) { add(name, json_text(value)); }
    void number(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
    void add(std::string_view name, std::string_view value) {
        line_.append(line_.empty() ? "{\"" : ", \"").append(name).append("\": ").append(value);
    }
    [[nodiscard]] std::string take() { return std::move(line_) + "}"; }

private:
    std::string line_;
};

[[nodiscard]] std::string json_line(std::string_view event, const WebSocketRecord& record) {
    JsonLine line(event, record.request, record.route, record.time);
    if (record.close_code) {
        line.number("close_code", *record.close_code);
        line.number("received_messages", record.received_messages);
        line.number("received_bytes", record.received_bytes);
        line.number("sent_messages", record.sent_messages);
        line.number("sent_bytes", record.sent_bytes);
    }
    line.add("duration_ms", format_milliseconds(record.duration));
    return line.take();
}

}  // namespace

void AccessLog::write(const auto& make_line) noexcept {
    try {
        write_(make_line());
    } catch (const std::bad_alloc&) {  // ignored: the line is left out
    }
}

void AccessLog::on_request(const RequestRecord& record) noexcept {
    write([&] {
        if (format_ == Format::common)
            return common_line(record.request, record.time, {}, record.status,
                               record.sent_bytes == 0 ? "-" : std::to_string(record.sent_bytes));
        JsonLine line("request", record.request, record.route, record.time);
        line.number("status", static_cast<std::uint64_t>(record.status));
        line.number("sent_bytes", record.sent_bytes);
        line.add("duration_ms", format_milliseconds(record.duration));
        return line.take();
    });
}

void AccessLog::on_accept(const WebSocketRecord& record) noexcept {
    write([&] {
        return format_ == Format::common ? common_line(record.request, record.time, {}, 101, "-")
                                         : json_line("websocket_accepted", record);
    });
}

void AccessLog::on_end(const WebSocketRecord& record) noexcept {
    write([&] {
        return format_ == Format::common
                   ? common_line(record.request, record.time, "CLOSE", record.close_code.value_or(0),
                                 record.sent_bytes == 0 ? "-" : std::to_string(record.sent_bytes))
                   : json_line("websocket_closed", record);
    });
}

}  // namespace proapi::service
