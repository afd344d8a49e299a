#include "service/error.hpp"

#include <array>

#include "base/error_table.hpp"

namespace proapi::service {
namespace {

using Row = base::ErrorRow<ErrorCode, ErrorMeaning>;

// In the order of ErrorCode.
constexpr auto meanings = std::to_array<Row>({
    {ErrorCode::disconnected, {ErrorKind::disconnect, "the connection has ended with code {}"}},
    {ErrorCode::already_accepted, {ErrorKind::state, "{}: the connection is already accepted"}},
    {ErrorCode::sent_before_accept, {ErrorKind::state, "send: call accept() first"}},
    {ErrorCode::received_before_accept, {ErrorKind::state, "receive: call accept() first"}},
    {ErrorCode::another_receiver,
     {ErrorKind::state, "receive: another task is waiting for a message already; one task may receive at a time"}},
    {ErrorCode::subprotocol_not_offered,
     {ErrorKind::value, "accept(): expected a subprotocol that the client offered ({}), got '{}'"}},
    {ErrorCode::bad_handshake_headers, {ErrorKind::value, "accept(): {}"}},
    {ErrorCode::handshake_header, {ErrorKind::value, "accept(): the header '{}' is written by the handshake itself"}},
    {ErrorCode::bad_rejection_status, {ErrorKind::value, "reject(): expected a status from 300 to 599, got {}"}},
    {ErrorCode::bad_rejection, {ErrorKind::value, "reject(): {}"}},
    {ErrorCode::bad_close_code,
     {ErrorKind::value, "close(): expected a code of 1000-1003, 1007-1014 or 3000-4999, got {}"}},
    {ErrorCode::close_reason_too_long,
     {ErrorKind::value, "close(): expected a reason of at most 123 octets of UTF-8, got {}"}},
    {ErrorCode::close_reason_not_utf8, {ErrorKind::value, "close(): the reason is not valid UTF-8"}},

    {ErrorCode::client_has_gone,
     {ErrorKind::disconnect, "the client disconnected before its request's body was complete"}},
    {ErrorCode::body_failed, {ErrorKind::value, "{}"}},
    {ErrorCode::response_already_started, {ErrorKind::state, "the response has already started"}},
    {ErrorCode::bad_response, {ErrorKind::value, "{}"}},
    {ErrorCode::no_open_response, {ErrorKind::state, "the response is not open"}},
    {ErrorCode::body_out_of_place,
     {ErrorKind::state, "a part of the body goes between the response's start and its end"}},
    {ErrorCode::body_too_long,
     {ErrorKind::value, "the body is longer than the Content-Length: {} octets were left, got {}"}},
    {ErrorCode::body_too_short, {ErrorKind::value, "the body is shorter than the Content-Length by {} octets"}},

    {ErrorCode::foreign_host, {ErrorKind::value, "host '{}' refused: add it to allowed_hosts to serve it"}},
    {ErrorCode::foreign_host_on_loopback,
     {ErrorKind::value,
      "host '{}' refused: the server listens on loopback only, where a web page could reach it by another name (DNS "
      "rebinding); add it to allowed_hosts to serve it"}},

    {ErrorCode::bad_cors_origin,
     {ErrorKind::value,
      "allow_origins: expected '*', 'null' or origins as browsers write them, scheme://host[:port] without path or "
      "wildcard, as 'https://app.example.org'; got '{}'; a pattern goes into allow_origin_regex"}},
    {ErrorCode::bad_cors_method, {ErrorKind::value, "allow_methods: expected '*' or HTTP methods, got '{}'"}},
    {ErrorCode::bad_cors_header, {ErrorKind::value, "{}: expected '*' or names of header fields, got '{}'"}},
    {ErrorCode::cors_exposes_any_with_credentials,
     {ErrorKind::value,
      "expose_headers: expected names of header fields, got '*', which browsers ignore with allow_credentials"}},
    {ErrorCode::bad_cors_max_age, {ErrorKind::value, "max_age: expected seconds from 0 to {}, got {}"}},

    {ErrorCode::unknown_setting, {ErrorKind::value, "'{}' is not a setting{}"}},
    {ErrorCode::setting_of_the_application,
     {ErrorKind::value, "'{}' is a setting of the whole application, not of one route"}},
    {ErrorCode::setting_not_of_http,
     {ErrorKind::value, "'{}' is a setting of WebSocket routes and of the whole application, not of an HTTP route"}},
    {ErrorCode::setting_not_of_websockets,
     {ErrorKind::value, "'{}' is a setting of HTTP routes and of the whole application, not of a WebSocket route"}},
    {ErrorCode::not_seconds_in_range, {ErrorKind::value, "{}: expected seconds from {} to {}, got {}"}},
    {ErrorCode::not_a_whole_number_in_range, {ErrorKind::value, "{}: expected a whole number from {} to {}, got {}"}},
    {ErrorCode::bad_origin,
     {ErrorKind::value,
      "{}: expected '*', 'null' or origins as browsers write them, scheme://host[:port] without path or wildcard, as "
      "'https://chat.example.org'; got '{}'"}},
    {ErrorCode::bad_host,
     {ErrorKind::value,
      "{}: expected '*', names or addresses without scheme, port and path, as 'chat.example.org' or '*.example.org'; "
      "got '{}'"}},
    {ErrorCode::bad_compression, {ErrorKind::value, "{}: expected none, 'shared' or 'dedicated', got '{}'"}},
    {ErrorCode::bad_rate_action, {ErrorKind::value, "{}: expected 'pause' or 'close', got '{}'"}},
    {ErrorCode::bad_network,
     {ErrorKind::value,
      "{}: expected addresses, networks without bits beyond their prefix, as '10.0.0.0/8', or 'unix'; got '{}'"}},
    {ErrorCode::not_a_switch, {ErrorKind::value, "{}: expected true or false, got '{}'"}},
    {ErrorCode::low_water_above_high_water, {ErrorKind::value, "low_water ({}) must not be above high_water ({})"}},
    {ErrorCode::high_water_above_max_buffered,
     {ErrorKind::value, "high_water ({}) must not be above max_buffered ({})"}},
    {ErrorCode::proxy_protocol_of_nobody,
     {ErrorKind::value,
      "proxy_protocol is on, but trusted_proxies is empty: list the proxies whose connections begin with a PROXY "
      "header"}},
    {ErrorCode::not_a_directory, {ErrorKind::value, "expected a directory, got '{}'"}},
    {ErrorCode::no_openat2,
     {ErrorKind::value,
      "files are served by the system call openat2 (Linux 5.6), which this kernel, or a sandbox of this process "
      "(seccomp), refuses"}},
});

static_assert(base::has_a_row_for_each(meanings, ErrorCode::no_openat2));

}  // namespace

ErrorMeaning describe(ErrorCode code) noexcept {
    return meanings[static_cast<std::size_t>(code)].meaning;
}

Error make_error(ErrorCode code, std::initializer_list<std::string_view> values) {
    return {code, base::fill_in(describe(code).text, values)};
}

}  // namespace proapi::service
