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

HTTPException::HTTPException(int status_code)
    : HTTPException(status_code, std::string(http::reason_phrase(status_code))) {}

HTTPException::HTTPException(int status_code, const std::string& detail, Headers headers)
    : std::runtime_error(detail),
      status_code_(status_code),
      headers_(std::make_shared<const Headers>(std::move(headers))) {
    http::Headers fields;
    for (const auto& [name, value] : *headers_) fields.add(name, value);
    if (const auto checked = http::check_response(status_code, fields); !checked)
        throw std::invalid_argument("HTTPException: " + checked.error().text);
}

}  // namespace proapi
