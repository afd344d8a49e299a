// The machine's clocks, for the service.
#pragma once

#include "service/observer.hpp"

namespace proapi::server {

class SystemClock final : public service::Clock {
public:
    [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
        return std::chrono::steady_clock::now();
    }
    [[nodiscard]] std::chrono::system_clock::time_point time() const noexcept override {
        return std::chrono::system_clock::now();
    }
};

}  // namespace proapi::server
