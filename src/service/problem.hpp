// Why a call of the application was refused. Front ends make exceptions of it, by one table each.
#pragma once

#include <cstdint>
#include <string>

namespace proapi::service {

struct Problem {
    enum class Kind : std::uint8_t {
        none,
        state,       // WebSocketStateError: called in the wrong state
        value,       // ValueError / std::invalid_argument: an argument that no protocol allows
        disconnect,  // WebSocketDisconnect: the connection has ended
    };
    Kind kind = Kind::none;
    std::string text;
    explicit operator bool() const noexcept { return kind != Kind::none; }
};

[[nodiscard]] inline Problem state_problem(std::string text) {
    return {Problem::Kind::state, std::move(text)};
}
[[nodiscard]] inline Problem value_problem(std::string text) {
    return {Problem::Kind::value, std::move(text)};
}

// How the sending of something that may have to wait went.
enum class SendResult : std::uint8_t {
    sent,   // and the buffer is below high water
    full,   // sent, but the sender should now wait for the buffer to drain
    ended,  // not sent: the connection has ended
};

}  // namespace proapi::service
