#include "net/forks.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proapi::net {

namespace {

// One bit per descriptor, for a million descriptors; pages that are never used take no memory. Higher descriptors are
// not tracked.
constexpr std::size_t word_bits = 64;
std::array<std::atomic<std::uint64_t>, (1U << 20) / word_bits> close_on_fork;
std::atomic<std::size_t> words_used = 0;

// Replaces a child's copies of sockets by /dev/null. May miss a socket that another thread is accepting or closing. The
// descriptor numbers stay in use, because code that closes them later in the child must not close another descriptor.
// Only system calls are allowed here.
void close_inherited() noexcept {
    int null = -1;
    bool is_null_in_use = false;
    for (std::size_t i = 0; i < words_used.load(std::memory_order_relaxed); ++i) {
        for (std::uint64_t word = close_on_fork[i].exchange(0); word != 0; word &= word - 1) {
            const auto socket = static_cast<int>(i * word_bits) + std::countr_zero(word);
            if (null < 0) null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
            if (null < 0) {  // no descriptor was left: closing this one frees one
                ::close(socket);
                null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
            }
            if (null == socket) is_null_in_use = true;
            if (null >= 0 && null != socket) ::dup3(null, socket, O_CLOEXEC);
        }
    }
    if (null >= 0 && !is_null_in_use) ::close(null);
}

}  // namespace

volatile unsigned detail::fork_count = 0;

void watch_forks() noexcept {
    [[maybe_unused]] static const int registered = ::pthread_atfork(nullptr, nullptr, [] {
        detail::fork_count = detail::fork_count + 1;
        close_inherited();
    });
}

void set_close_on_fork(int socket) noexcept {
    const std::size_t word = static_cast<std::size_t>(socket) / word_bits;
    if (word >= close_on_fork.size()) return;
    std::size_t used = words_used.load(std::memory_order_relaxed);
    while (used <= word && !words_used.compare_exchange_weak(used, word + 1, std::memory_order_relaxed)) continue;
    close_on_fork[word].fetch_or(std::uint64_t{1} << (static_cast<std::size_t>(socket) % word_bits),
                                 std::memory_order_relaxed);
}

void clear_close_on_fork(int socket) noexcept {
    const std::size_t word = static_cast<std::size_t>(socket) / word_bits;
    if (word >= close_on_fork.size()) return;
    close_on_fork[word].fetch_and(~(std::uint64_t{1} << (static_cast<std::size_t>(socket) % word_bits)),
                                  std::memory_order_relaxed);
}

void end_forked_child() noexcept {
    static constexpr std::string_view line =
        "proapi: a process that was forked from the server can't continue to serve: end it with os._exit() or exec\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    ::_exit(1);
}

}  // namespace proapi::net
