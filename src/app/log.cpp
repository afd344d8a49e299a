#include "app/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace proapi::detail {

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> shared = [] {
        auto known = spdlog::get("proapi");
        return known ? known : spdlog::stderr_color_mt("proapi");
    }();
    return *shared;
}

void EngineLog::write(server::LogLevel level, std::string_view line) {
    static constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                           spdlog::level::warn, spdlog::level::err};
    logger().log(levels[static_cast<std::size_t>(level)], "{}", line);
}

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return server::escape_for_log(known.what(), 1024);
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

}  // namespace proapi::detail
