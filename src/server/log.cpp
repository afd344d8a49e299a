#include "server/log.hpp"

#include <utility>

namespace proapi::server {

void LimitedLog::write(LogLevel level, std::string_view line) {
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
            log_.write(static_cast<LogLevel>(level),
                       std::to_string(counts[level].left_out) + " lines like the last ones were left out");
}

std::string escape_for_log(std::string_view text, std::size_t max_bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char character : text.substr(0, max_bytes)) {
        const auto octet = static_cast<unsigned char>(character);
        if (octet >= 0x20 && octet < 0x7f && octet != '\\') {
            out += character;
        } else {
            out += {'\\', 'x', digits[octet >> 4], digits[octet & 15]};
        }
    }
    if (text.size() > max_bytes) out += "...";
    return out;
}

}  // namespace proapi::server
