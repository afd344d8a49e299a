#include "proapi/errors.hpp"

#include "http/response.hpp"
#include "service/log.hpp"

namespace proapi {

namespace {

[[nodiscard]] std::string disconnect_text(std::uint16_t code, const std::string& reason) {
    std::string text = "the connection has ended with code " + std::to_string(code);
    if (!reason.empty()) text += " (" + service::escape_for_log(reason) + ")";
    return text;
}

}  // namespace

WebSocketDisconnect::WebSocketDisconnect(std::uint16_t code, std::string reason)
    : WebSocketError(disconnect_text(code, reason)), code_(code), reason_(std::move(reason)) {}

WebSocketMessageError::WebSocketMessageError(Fault fault, const std::string& text, Message data)
    : WebSocketError(text), fault_(fault), data_(std::move(data)) {}

RouteError::RouteError(const std::string& text, std::source_location where)
    : std::invalid_argument(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + text) {}

HTTPException::HTTPException(int status, const std::string& text) : std::runtime_error(text), status_(status) {
    if (const std::string wrong = http::check_response(status, {}); !wrong.empty())
        throw std::invalid_argument("HTTPException: " + wrong);
}

}  // namespace proapi
