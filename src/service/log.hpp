// Where the engine's lines go: the front end decides how they look. What a peer sent is escaped before it comes here.
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

// Printable ASCII as it is, everything else as \xHH, so that no peer can forge a line or reach a terminal.
// At most `max_bytes` of the text are shown.
[[nodiscard]] std::string escape_for_log(std::string_view text, std::size_t max_bytes = 256);

}  // namespace proapi::service
