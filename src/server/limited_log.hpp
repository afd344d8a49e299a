// Keeps peers from filling the log.
#pragma once

#include <array>

#include "net/reactor.hpp"
#include "service/log.hpp"

namespace proapi::server {

// Writes at most a few lines a second and level of what peers can cause at will. The rest is counted, and the count is
// logged at the end of the second.
class LimitedLog final : public service::Log {
public:
    LimitedLog(net::Reactor& reactor, service::Log& log) noexcept
        : reactor_(reactor),
          log_(log),
          second_([](void* self) { static_cast<LimitedLog*>(self)->end_second(); }, this) {}

    void write(service::LogLevel level, std::string_view line) override;
    // Logs the counts now. For the end, when nothing more is logged.
    void end_second();

private:
    static constexpr unsigned lines_a_second = 10;

    net::Reactor& reactor_;
    service::Log& log_;
    base::Timer second_;
    struct Count {
        unsigned written = 0, left_out = 0;
    };
    std::array<Count, 4> counts_{};  // by level, since the beginning of the second
};

}  // namespace proapi::server
