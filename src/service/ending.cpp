#include "service/ending.hpp"

#include "service/exchange.hpp"
#include "service/log.hpp"
#include "service/refusals.hpp"
#include "service/websocket.hpp"

namespace proapi::service {

namespace {

struct Close {
    std::uint16_t code;
    std::string_view reason;
};

[[nodiscard]] Close find_close(HandlerEnd end) noexcept {
    switch (end) {
        case HandlerEnd::returned:
        case HandlerEnd::disconnected:
            return {ws::close_code::normal, ""};
        case HandlerEnd::wrong_kind:
            return {ws::close_code::unsupported_data, "this kind of message is not expected here"};
        case HandlerEnd::wrong_content:
            return {ws::close_code::invalid_payload, "the content of the message is not what is expected here"};
        case HandlerEnd::stopped:
            return {ws::close_code::going_away, "the server is stopping"};
        case HandlerEnd::failed:
            break;
    }
    return {ws::close_code::internal_error, "internal error"};
}

constexpr std::size_t max_error_bytes = 1024;

[[nodiscard]] std::string make_line(const WebSocket& websocket, std::string_view text) {
    return escape_for_log(websocket.request().head.raw_path()) + ": " + std::string(text);
}

[[nodiscard]] std::string make_message_line(const WebSocket& websocket, std::uint16_t code, std::string_view error) {
    const std::string& host = websocket.request().client.host;  // another server may pass on what a client says
    return make_line(websocket, "closed " + (host.empty() ? "a client" : escape_for_log(host)) + " with " +
                                    std::to_string(code) + ": " + escape_for_log(error, max_error_bytes));
}

// Ends a handshake without accept(). Returns the line for the log.
std::optional<std::string> refuse_handshake(WebSocket& websocket, HandlerEnd end, std::string_view handler) {
    switch (end) {
        case HandlerEnd::returned:
            static_cast<void>(websocket.close(ws::close_code::normal, {}));
            return make_line(websocket,
                             "refused with 403: the handler " + escape_for_log(handler) + " returned without accept()");
        case HandlerEnd::disconnected:
            static_cast<void>(websocket.close(ws::close_code::normal, {}));
            break;
        case HandlerEnd::stopped:
            websocket.refuse(Refusal::stopping, {{"Retry-After", "1"}});
            break;
        case HandlerEnd::wrong_kind:
        case HandlerEnd::wrong_content:
        case HandlerEnd::failed:
            websocket.refuse(Refusal::internal_error);
            break;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> end_websocket(WebSocket& websocket, HandlerEnd end, std::string_view handler,
                                         std::string_view error) {
    if (websocket.is_closed()) return std::nullopt;
    if (!websocket.is_accepted()) return refuse_handshake(websocket, end, handler);
    const auto [code, reason] = find_close(end);
    static_cast<void>(websocket.close(code, reason));
    const bool is_message = end == HandlerEnd::wrong_kind || end == HandlerEnd::wrong_content;
    return is_message ? std::optional(make_message_line(websocket, code, error)) : std::nullopt;
}

void end_request(Exchange& exchange, HandlerEnd end) {
    if (end == HandlerEnd::stopped && !exchange.is_started()) return exchange.refuse(Refusal::stopping);
    exchange.fail();
}

}  // namespace proapi::service
