#include "net/forks.hpp"

#include <pthread.h>

namespace proapi::net {

volatile unsigned detail::fork_count = 0;

void watch_forks() noexcept {
    [[maybe_unused]] static const int registered =
        ::pthread_atfork(nullptr, nullptr, [] { detail::fork_count = detail::fork_count + 1; });
}

}  // namespace proapi::net
