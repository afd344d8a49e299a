#include "app/log.hpp"

#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <mutex>

#include "proapi/errors.hpp"

namespace proapi::detail {

namespace {

// Writes to standard error without blocking: if the reader stops reading, lines are lost but the server continues,
// because it does not wait for a full pipe. Lost lines are counted and reported as soon as there is room.
class NonBlockingStderr final : public spdlog::sinks::base_sink<std::mutex> {
private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (left_out_ > 0) {
            const std::string told =
                "proapi: " + std::to_string(left_out_) + " log lines were dropped: nobody read standard error\n";
            if (!write({told.data(), told.size()})) return static_cast<void>(++left_out_);
            left_out_ = 0;
        }
        if (!write({line.data(), line.size()})) ++left_out_;
    }
    void flush_() override {}

    // A writable pipe accepts PIPE_BUF octets at once (POSIX).
    static bool write(std::string_view text) {
        while (!text.empty()) {
            pollfd place{STDERR_FILENO, POLLOUT, 0};
            // An error: the pipe has no reader any more, and a write would raise SIGPIPE.
            if (::poll(&place, 1, 0) != 1 || place.revents != POLLOUT) return false;
            const ssize_t count = ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
            if (count <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    std::uint64_t left_out_ = 0;
};

}  // namespace

namespace {

// Returns the application's logger of that name, or a new one.
[[nodiscard]] std::shared_ptr<spdlog::logger> find_or_make(const std::string& name, const char* pattern) {
    auto known = spdlog::get(name);
    if (known) return known;
    known = std::make_shared<spdlog::logger>(name, std::make_shared<NonBlockingStderr>());
    spdlog::initialize_logger(known);
    if (pattern) known->set_pattern(pattern);
    return known;
}

}  // namespace

spdlog::logger& logger() {
    // Never destroyed: a server that a static object holds stops after main().
    static auto& shared = *new std::shared_ptr<spdlog::logger>(find_or_make("proapi", nullptr));
    return *shared;
}

std::shared_ptr<service::Observer> make_access_log(service::AccessLog::Format format) {
    static auto& shared = *new std::shared_ptr<spdlog::logger>(find_or_make("proapi.access", "%v"));
    return std::make_shared<service::AccessLog>(format, [](std::string_view line) { shared->info("{}", line); });
}

void EngineLog::write(service::LogLevel level, std::string_view line) {
    static constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                           spdlog::level::warn, spdlog::level::err};
    logger().log(levels[static_cast<std::size_t>(level)], "{}", line);
}

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        const char* const what = known.what();
        return what ? service::escape_for_log(what, 1024) : "an exception without a text";
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

void log_task_failure(std::string_view task, const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {            // ignored: its handle, its group or the server's stop has cancelled it
    } catch (const WebSocketDisconnect&) {  // ignored: the task ends because its connection has ended
    } catch (...) {
        logger().error("{} failed: {}", task, describe(error));
    }
}

}  // namespace proapi::detail
