// Where the engine's log lines go; the front end decides how they look. Callers escape what a peer sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace proapi::service {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

class Log {
public:
    virtual void write(LogLevel level, std::string_view line) = 0;

protected:
    ~Log() = default;
};

// Keeps printable ASCII and writes every other octet, and the backslash, as \xHH, so that no peer can forge a line or
// send control sequences to a terminal. Shows at most `max_bytes` of the text.
[[nodiscard]] std::string escape_for_log(std::string_view text, std::size_t max_bytes = 256);

}  // namespace proapi::service
