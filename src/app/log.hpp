// The framework's log lines, written through spdlog's logger "proapi": to stderr, unless the application registered a
// logger of that name before.
#pragma once

#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "service/access_log.hpp"
#include "service/log.hpp"

namespace proapi::detail {

[[nodiscard]] spdlog::logger& logger();

// The engine's log lines.
class EngineLog final : public service::Log {
public:
    void write(service::LogLevel level, std::string_view line) override;
};

// Returns an observer that writes lines through the logger "proapi.access": to stderr without any prefix, unless the
// application registered a logger of that name before.
[[nodiscard]] std::shared_ptr<service::Observer> make_access_log(service::AccessLog::Format format);

// Returns the text of an exception, for log lines.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

// Logs that `task` has failed, unless it ended because it was cancelled or because its connection has ended.
void log_task_failure(std::string_view task, const std::exception_ptr& error) noexcept;

}  // namespace proapi::detail
