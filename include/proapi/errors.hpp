// Exceptions of the framework. Each message says what was expected, what was received, and which setting to change if a
// setting decides it. Invalid arguments throw std::invalid_argument, as elsewhere in C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "proapi/fields.hpp"

namespace proapi {

// The payload of a binary message.
using Bytes = std::vector<std::byte>;
// A message of either kind: text (UTF-8) or binary.
using Message = std::variant<std::string, Bytes>;

class WebSocketError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The connection has ended. A handler that exits with this exception has ended normally.
class WebSocketDisconnect : public WebSocketError {
public:
    WebSocketDisconnect(std::uint16_t code, std::string reason);
    // The close code (RFC 6455 section 7.4). 1005: the peer sent none; 1006: the connection was lost.
    [[nodiscard]] std::uint16_t code() const noexcept { return code_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    std::uint16_t code_;
    std::string reason_;
};

// A call at the wrong time: before accept(), a second accept(), two receives at once, or on a thread other than the
// connection's.
class WebSocketStateError : public WebSocketError {
public:
    using WebSocketError::WebSocketError;
};

// A message was received, but its kind or its content is not the expected one. The connection stays open; the next
// receive returns the next message.
class WebSocketMessageError : public WebSocketError {
public:
    // Whether the message has the wrong kind (close code 1003) or invalid content (1007).
    enum class Fault : std::uint8_t { kind, content };
    WebSocketMessageError(Fault fault, const std::string& text, Message data);
    [[nodiscard]] const Message& data() const noexcept { return data_; }
    // The code that closes the connection if this exception leaves the handler.
    [[nodiscard]] std::uint16_t close_code() const noexcept { return fault_ == Fault::kind ? 1003 : 1007; }

private:
    Fault fault_;
    Message data_;
};

// A route, its handler or its settings are invalid. The message begins with the file and line of the registration.
class RouteError : public std::invalid_argument {
public:
    RouteError(const std::string& text, std::source_location where);
};

// The time limit of wait_for() has passed.
class TimeoutError : public std::runtime_error {
public:
    TimeoutError() : std::runtime_error("the operation did not end in time") {}
};

// Thrown by the operation that a task waits for when the task is cancelled: by wait_for(), when_all(), or the server's
// shutdown. It does not derive from std::exception, so that handlers which log standard exceptions and continue do not
// catch it.
class Cancelled {
public:
    [[nodiscard]] const char* what() const noexcept { return "the task was cancelled"; }
};

// The client has left before its request's body was complete. An HTTP handler that exits with this exception has ended
// normally.
class ClientDisconnect : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Ends an HTTP handler with this status, the detail as the body, and these headers, for client errors (400-499) and
// server errors alike; nothing is logged. Before accept() it refuses a WebSocket handshake in the same way (300-599).
// Throws std::invalid_argument for a status outside 200 to 599 or a header that HTTP does not allow.
class HTTPException : public std::runtime_error {
public:
    // Uses the reason phrase as the detail, such as "Not Found".
    explicit HTTPException(int status_code);
    HTTPException(int status_code, const std::string& detail, Headers headers = {});
    [[nodiscard]] int status_code() const noexcept { return status_code_; }
    [[nodiscard]] std::string detail() const { return what(); }
    [[nodiscard]] const Headers& headers() const noexcept { return *headers_; }
    // The older name of status_code().
    [[nodiscard]] int status() const noexcept { return status_code_; }

private:
    int status_code_;
    std::shared_ptr<const Headers> headers_;  // shared, so that copying can't throw
};

}  // namespace proapi
