// The framework's lines, through spdlog's logger "proapi": stderr, unless the application has registered one of that
// name before.
#pragma once

#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <string>

#include "service/access_log.hpp"
#include "service/log.hpp"

namespace proapi::detail {

[[nodiscard]] spdlog::logger& logger();

// The engine's lines.
class EngineLog final : public service::Log {
public:
    void write(service::LogLevel level, std::string_view line) override;
};

// Lines of the logger "proapi.access": stderr without anything before them, unless the application has registered one
// of that name before.
[[nodiscard]] std::shared_ptr<service::Observer> make_access_log(service::AccessLog::Format format);

// What an exception says of itself.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

}  // namespace proapi::detail
