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
            return {ws::close_code::normal, ""};
        case HandlerEnd::wrong_kind:
            return {ws::close_code::unsupported_data, "this kind of message is not expected here"};
        case HandlerEnd::wrong_content:
            return {ws::close_code::invalid_payload, "the message is not the JSON expected here"};
        case HandlerEnd::stopped:
            return {ws::close_code::going_away, "the server is stopping"};
        case HandlerEnd::failed:
            break;
    }
    return {ws::close_code::internal_error, "internal error"};
}

[[nodiscard]] std::string make_line(const WebSocket& websocket, std::string_view text) {
    return escape_for_log(websocket.request().head.raw_path()) + ": " + std::string(text);
}

}  // namespace

std::optional<std::string> end_websocket(WebSocket& websocket, HandlerEnd end, std::string_view handler,
                                         std::string_view error) {
    std::optional<std::string> line;
    const auto [code, reason] = find_close(end);
    if (end == HandlerEnd::wrong_kind || end == HandlerEnd::wrong_content) {
        const std::string& host = websocket.request().client.host;
        line = make_line(websocket, "closed " + (host.empty() ? "a client" : host) + " with " + std::to_string(code) +
                                        ": " + escape_for_log(error));
    }
    if (websocket.is_closed()) return line;
    if (!websocket.is_accepted()) {
        if (end == HandlerEnd::returned)
            line = make_line(websocket,
                             "refused with 403: the handler " + escape_for_log(handler) + " returned without accept()");
        if (end == HandlerEnd::failed) {
            const auto [status, text] = describe(Refusal::internal_error);
            static_cast<void>(websocket.reject(status, std::string(text) + "\n", {}));
            return line;
        }
    }
    static_cast<void>(websocket.close(code, reason));
    return line;
}

void end_request(Exchange& exchange, HandlerEnd end) {
    if (end == HandlerEnd::stopped && !exchange.is_started()) return exchange.refuse(Refusal::stopping);
    exchange.fail();
}

}  // namespace proapi::service
