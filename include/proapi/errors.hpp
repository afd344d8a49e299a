// Exceptions of the framework. Each message says what was expected, what came, and which setting to change where one
// decides it. Wrong arguments are std::invalid_argument, as everywhere in C++.
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

// The connection has ended. Leaving a handler by it is the normal end.
class WebSocketDisconnect : public WebSocketError {
public:
    WebSocketDisconnect(std::uint16_t code, std::string reason);
    // The close code of RFC 6455 section 7.4; 1005: the peer gave none, 1006: the connection was lost.
    [[nodiscard]] std::uint16_t code() const noexcept { return code_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    std::uint16_t code_;
    std::string reason_;
};

// A call at the wrong time: before accept(), accept() twice, two receives at once, on another thread than its own.
class WebSocketStateError : public WebSocketError {
public:
    using WebSocketError::WebSocketError;
};

// A message came, but not of the kind that was asked for. The connection is open, the next receive gets the next one.
class WebSocketMessageError : public WebSocketError {
public:
    // Whether the message is of the wrong kind (close code 1003) or its content is wrong (1007).
    enum class Fault : std::uint8_t { kind, content };
    WebSocketMessageError(Fault fault, const std::string& text, Message data);
    [[nodiscard]] const Message& data() const noexcept { return data_; }
    // What the connection is closed with where this leaves the handler.
    [[nodiscard]] std::uint16_t close_code() const noexcept { return fault_ == Fault::kind ? 1003 : 1007; }

private:
    Fault fault_;
    Message data_;
};

// A route, its handler or its settings can't work. The message begins with file and line of the registration.
class RouteError : public std::invalid_argument {
public:
    RouteError(const std::string& text, std::source_location where);
};

// wait_for() has given up.
class TimeoutError : public std::runtime_error {
public:
    TimeoutError() : std::runtime_error("the operation did not end in time") {}
};

// Thrown out of whatever a task waits for when the task is cancelled: by wait_for(), when_all(), or the server's end.
// It is no std::exception, so that handlers which log those and go on let it pass, as they should.
class Cancelled {
public:
    [[nodiscard]] const char* what() const noexcept { return "the task was cancelled"; }
};

// Ends an HTTP handler with that status, the detail as body and these headers: the client's fault (400-499) or ours; no
// log line. Before accept() it refuses a WebSocket's handshake so (300-599). A status outside of 200 to 599, or a
// header that HTTP does not allow: std::invalid_argument.
class HTTPException : public std::runtime_error {
public:
    // The detail is the reason phrase, as "Not Found".
    explicit HTTPException(int status_code);
    HTTPException(int status_code, const std::string& detail, Headers headers = {});
    [[nodiscard]] int status_code() const noexcept { return status_code_; }
    [[nodiscard]] std::string detail() const { return what(); }
    [[nodiscard]] const Headers& headers() const noexcept { return *headers_; }
    // The older name of status_code().
    [[nodiscard]] int status() const noexcept { return status_code_; }

private:
    int status_code_;
    std::shared_ptr<const Headers> headers_;  // shared, so that copies can't throw
};

}  // namespace proapi
