// Request heads of HTTP/1.1 (RFC 9112 sections 2-6). Each line is checked when its LF arrives, and each limit at the
// octet that exceeds it, so that the outcome is the same however the input is cut. Each octet is searched for LF once.
// The parser must not know routes or bodies: it determines what the fields mean for the connection and keeps the rest
// as text.
#include "http/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "http/line.hpp"
#include "http/request_target.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

constexpr std::size_t first_reserve_bytes = 1024;

// RFC 9112 section 2.3: HTTP-name is case-sensitive, with one digit on each side of the dot.
constexpr bool is_version(std::string_view text) noexcept {
    return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
}

// 1*DIGIT that fits into 64 bits: no sign, no list, no white space (RFC 9110 section 8.6).
bool parse_length(std::string_view text, std::uint64_t& length) noexcept {
    if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    return error == std::errc{} && end == text.data() + text.size();
}

// Whether the list is well formed and contains a coding other than chunked, which calls for 501 instead of 400.
bool names_unknown_coding(std::string_view codings) {
    const auto members = split_list(codings);
    return std::all_of(members.begin(), members.end(), is_token) &&
           std::any_of(members.begin(), members.end(),
                       [](std::string_view coding) { return !equals_ignoring_case(coding, "chunked"); });
}

}  // namespace

std::size_t RequestParser::feed(base::Bytes bytes) {
    std::string_view input = base::as_text(bytes);
    if (buffer_.empty() && state_ == ParseState::need_data) {
        buffer_.reserve(std::min({input.size(), limits_.max_head_bytes, first_reserve_bytes}));
    }
    while (state_ == ParseState::need_data && !input.empty()) {
        // One octet beyond the limit shows that it is exceeded; nothing after that is examined.
        const std::size_t room = limits_.max_head_bytes - buffer_.size();
        const std::string_view window = input.substr(0, room == std::string_view::npos ? room : room + 1);
        const std::size_t line_feed = window.find('\n');
        const bool line_ends = line_feed != std::string_view::npos;
        const std::string_view piece = line_ends ? window.substr(0, line_feed + 1) : window;
        buffer_.append(piece);
        input.remove_prefix(piece.size());

        std::string_view line = std::string_view{buffer_}.substr(line_start_);
        if (line_ends) line.remove_suffix(1);
        if (!in_fields_ && exceeds(line, limits_.max_request_line_bytes)) {
            fail(ErrorCode::request_line_too_long);
        } else if (buffer_.size() > limits_.max_head_bytes) {
            fail(ErrorCode::head_too_long);
        } else if (line_ends) {
            take_line();
        }
    }
    return bytes.size() - input.size();
}

RequestHead RequestParser::take_head() {
    RequestHead head = std::exchange(head_, RequestHead{});
    std::string{}.swap(buffer_);  // an idle connection keeps no buffer; assignment would keep the capacity
    line_start_ = fields_seen_ = 0;
    in_fields_ = skipped_blank_line_ = false;
    state_ = ParseState::need_data;
    return head;
}

void RequestParser::fail(ErrorCode error) {
    error_ = error;
    state_ = ParseState::failed;
}

// The last octet of buffer_ is the LF that ends the line.
void RequestParser::take_line() {
    std::string_view line = std::string_view{buffer_}.substr(line_start_);
    line.remove_suffix(1);
    line_start_ = buffer_.size();
    if (const ErrorCode error = strip_line_end(line); error != ErrorCode::none) return fail(error);
    if (in_fields_) return line.empty() ? finish() : take_field_line(line);
    if (line.empty() && !skipped_blank_line_) {
        // RFC 9112 section 2.2: at least one empty line before the request line SHOULD be ignored.
        skipped_blank_line_ = true;
        buffer_.clear();
        line_start_ = 0;
        return;
    }
    take_request_line(line);
}

void RequestParser::take_request_line(std::string_view line) {
    // RFC 9112 section 3: exactly one SP between the parts. A parser MAY be lenient about white space; this one is not.
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || line.find(' ', first + 1) != last) {
        return fail(ErrorCode::bad_request_line);
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method)) return fail(ErrorCode::bad_method);
    if (!is_version(version)) return fail(ErrorCode::bad_version);
    if (version[5] != '1') return fail(ErrorCode::unsupported_version);
    if (method == "CONNECT") return fail(ErrorCode::connect_method);
    if (const ErrorCode error = check_target(method, target); error != ErrorCode::none) return fail(error);
    head_.method = method;
    head_.target = target;
    head_.headers.reserve(buffer_.capacity());  // the size of the whole head if it arrived in one piece
    // RFC 9110 section 2.5: a higher minor version is treated as the highest one understood.
    head_.minor_version = version[7] == '0' ? 0 : 1;
    in_fields_ = true;
}

void RequestParser::take_field_line(std::string_view line) {
    if (++fields_seen_ > limits_.max_fields) return fail(ErrorCode::too_many_fields);
    const auto field = parse_field_line(line);
    if (!field) return fail(field.error());
    head_.headers.add(field->name, field->value);
}

void RequestParser::finish() {
    if (!settle_host() || !settle_framing() || !settle_expectation()) return;
    // RFC 9112 section 9.3.
    const bool asks_close = head_.headers.has_token("Connection", "close");
    const bool asks_keep_alive = head_.headers.has_token("Connection", "keep-alive");
    head_.keep_alive = !asks_close && (head_.minor_version >= 1 || asks_keep_alive);
    state_ = ParseState::complete;
}

bool RequestParser::settle_host() {
    const auto hosts = head_.headers.getlist("Host");
    if (hosts.size() > 1) {
        fail(ErrorCode::several_hosts);
    } else if (hosts.empty() && head_.minor_version >= 1) {
        // RFC 9112 section 3.2: MUST be refused, whatever the form of the target.
        fail(ErrorCode::no_host);
    } else if (!hosts.empty() && !parse_authority(hosts.front())) {
        fail(ErrorCode::bad_host);
    }
    return state_ == ParseState::need_data;
}

bool RequestParser::settle_framing() {
    const auto lengths = head_.headers.getlist("Content-Length");
    const auto codings = head_.headers.getlist("Transfer-Encoding");
    if (!codings.empty()) {
        // RFC 9112 sections 6.1 and 6.3: each of these allows request smuggling, if two recipients differ over it.
        if (!lengths.empty()) {
            fail(ErrorCode::two_framings);
        } else if (head_.minor_version == 0) {
            fail(ErrorCode::coding_in_http_1_0);
        } else if (codings.size() > 1) {
            fail(ErrorCode::several_codings);
        } else if (!equals_ignoring_case(codings.front(), "chunked")) {
            fail(names_unknown_coding(codings.front()) ? ErrorCode::unknown_coding : ErrorCode::bad_coding);
        } else {
            head_.framing = BodyFraming::chunked;
        }
    } else if (lengths.size() > 1) {
        fail(ErrorCode::several_lengths);
    } else if (!lengths.empty()) {
        if (!parse_length(lengths.front(), head_.content_length)) {
            fail(ErrorCode::bad_length);
        }
        head_.framing = BodyFraming::content_length;
    }
    return state_ == ParseState::need_data;
}

bool RequestParser::settle_expectation() {
    // RFC 9110 section 10.1.1: an expectation in an HTTP/1.0 request MUST be ignored.
    if (head_.minor_version == 0) return true;
    for (const std::string_view expectation : head_.headers.getlist("Expect")) {
        if (!equals_ignoring_case(expectation, "100-continue")) {
            fail(ErrorCode::unknown_expectation);
            return false;
        }
        head_.expects_continue = head_.framing == BodyFraming::chunked ||
                                 (head_.framing == BodyFraming::content_length && head_.content_length > 0);
    }
    return true;
}

}  // namespace proapi::http
