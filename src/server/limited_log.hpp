// Keeps what peers can cause from filling the log.
#pragma once

#include <array>

#include "net/reactor.hpp"
#include "service/log.hpp"

namespace proapi::server {

// Of what peers can cause at will at most a few lines a second and level; the rest is counted, and told of when the
// second is over.
class LimitedLog final : public service::Log {
public:
    LimitedLog(net::Reactor& reactor, service::Log& log) noexcept
        : reactor_(reactor),
          log_(log),
          second_([](void* self) { static_cast<LimitedLog*>(self)->end_second(); }, this) {}

    void write(service::LogLevel level, std::string_view line) override;
    // Tells what is counted, now: nothing more comes.
    void end_second();

private:
    static constexpr unsigned lines_a_second = 10;

    net::Reactor& reactor_;
    service::Log& log_;
    base::Timer second_;
    struct Count {
        unsigned written = 0, left_out = 0;
    };
    std::array<Count, 4> counts_{};  // by level, since the second began
};

}  // namespace proapi::server
