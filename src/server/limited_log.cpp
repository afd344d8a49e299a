#include "server/limited_log.hpp"

#include <string>
#include <utility>

namespace proapi::server {

void LimitedLog::write(service::LogLevel level, std::string_view line) {
    if (!second_.is_running()) reactor_.start_timer(second_, std::chrono::seconds(1));
    Count& count = counts_[static_cast<std::size_t>(level)];
    if (count.written == lines_a_second) return static_cast<void>(++count.left_out);
    ++count.written;
    log_.write(level, line);
}

void LimitedLog::end_second() {
    second_.cancel();
    const auto counts = std::exchange(counts_, {});
    for (std::size_t level = 0; level < counts.size(); ++level)
        if (counts[level].left_out > 0)
            log_.write(static_cast<service::LogLevel>(level),
                       std::to_string(counts[level].left_out) + " lines like the last ones were left out");
}

}  // namespace proapi::server
