// The framework's lines, through spdlog's logger "proapi": stderr, unless the application has registered one of that
// name before.
#pragma once

#include <spdlog/spdlog.h>

#include <exception>
#include <string>

#include "service/log.hpp"

namespace proapi::detail {

[[nodiscard]] spdlog::logger& logger();

// The engine's lines.
class EngineLog final : public service::Log {
public:
    void write(service::LogLevel level, std::string_view line) override;
};

// What an exception says of itself.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

}  // namespace proapi::detail
