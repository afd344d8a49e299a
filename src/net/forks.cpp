#include "net/forks.hpp"

#include <pthread.h>
#include <unistd.h>

#include <string_view>

namespace proapi::net {

volatile unsigned detail::fork_count = 0;

void watch_forks() noexcept {
    [[maybe_unused]] static const int registered =
        ::pthread_atfork(nullptr, nullptr, [] { detail::fork_count = detail::fork_count + 1; });
}

void end_forked_child() noexcept {
    static constexpr std::string_view line =
        "proapi: a process that was forked from the server can't go on serving: end it with os._exit(), or exec\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    ::_exit(1);
}

}  // namespace proapi::net
