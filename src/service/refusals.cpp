#include "service/refusals.hpp"

namespace proapi::service {

RefusalText describe(Refusal refusal) noexcept {
    switch (refusal) {
        case Refusal::bad_path:
            return {400, "The path is not percent-encoded UTF-8 without NUL."};
        case Refusal::bad_forwarded_host:
            return {400, "expected host or host:port in X-Forwarded-Host or Forwarded, got something else"};
        case Refusal::plain_port:
            return {400, "This port serves plain HTTP (http:// and ws://), got a TLS handshake."};
        case Refusal::client_does_not_wait:
            return {400, "The client closed its side before its handshake was answered: expected it to wait."};
        case Refusal::foreign_origin:
            return {403, "This origin may not connect."};
        case Refusal::not_found:
            return {404, "Nothing is served at this address."};
        case Refusal::no_such_file:
            return {404, "Not Found"};
        case Refusal::wrong_method:
            return {405, "This address does not serve that method."};
        case Refusal::head_timeout:
            return {408, "The request's head did not end within head_timeout."};
        case Refusal::slow_body:
            return {408, "The request's body came more slowly than min_body_rate."};
        case Refusal::file_has_changed:
            return {412, "Precondition failed: the file has changed."};
        case Refusal::range_beyond_file:
            return {416, "The range is beyond the file's end."};
        case Refusal::misdirected:  // RFC 9110 sections 7.4 and 15.5.20
            return {421, "This server does not answer for this host: see allowed_hosts."};
        case Refusal::websocket_only:
            return {426, "This address speaks WebSocket."};
        case Refusal::internal_error:
            break;
        case Refusal::stopping:
            return {503, "The server is stopping."};
        case Refusal::accept_timeout:
            return {503, "The handler did not accept within accept_timeout."};
        case Refusal::too_many_of_client:
            return {503, "The client has as many connections as max_connections_per_client allows."};
        case Refusal::file_unavailable:
            return {503, "The file can't be opened now."};
    }
    return {500, "Internal Server Error"};
}

}  // namespace proapi::service
