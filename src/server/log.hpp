// Where the server's lines go: the front end decides how they look. What a peer sent is escaped before it comes here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/reactor.hpp"

namespace proapi::server {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

class Log {
public:
    virtual void write(LogLevel level, std::string_view line) = 0;

protected:
    ~Log() = default;
};

// Of what peers can cause at will at most a few lines a second and level; the rest is counted, and told of when the
// second is over.
class LimitedLog {
public:
    LimitedLog(net::Reactor& reactor, Log& log) noexcept
        : reactor_(reactor),
          log_(log),
          second_([](void* self) { static_cast<LimitedLog*>(self)->end_second(); }, this) {}

    void write(LogLevel level, std::string_view line);
    // Tells what is counted, now: nothing more comes.
    void end_second();

private:
    static constexpr unsigned lines_a_second = 10;

    net::Reactor& reactor_;
    Log& log_;
    base::Timer second_;
    struct Count {
        unsigned written = 0, left_out = 0;
    };
    std::array<Count, 4> counts_{};  // by level, since the second began
};

// Printable ASCII as it is, everything else as \xHH, so that no peer can forge a line or reach a terminal.
// At most `max_bytes` of the text are shown.
[[nodiscard]] std::string escape_for_log(std::string_view text, std::size_t max_bytes = 256);

}  // namespace proapi::server
