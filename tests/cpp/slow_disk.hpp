// Replaces the functions with which the program reads files: the test decides what is in the kernel's cache and how
// long the disk takes. Include it in one file of a program.
#pragma once

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#if defined(_FILE_OFFSET_BITS) && _FILE_OFFSET_BITS == 64 && !defined(__LP64__)
#error "the calls that are replaced have other names here"
#endif

namespace proapi::tests {

class SlowDisk {
public:
    // The errno of a read that must not wait; 0: it succeeds.
    std::atomic<int> error_at_once = EAGAIN;
    std::atomic<bool> gives_nothing_at_once = false;
    // The errno of other reads; 0: they succeed.
    std::atomic<int> error = 0;

    void hold() {
        const std::lock_guard lock(mutex_);
        is_held_ = true;
    }
    void release() {
        const std::lock_guard lock(mutex_);
        is_held_ = false;
        news_.notify_all();
    }
    // How many reads have reached the disk, including those that are still held.
    [[nodiscard]] int begun() const noexcept { return begun_; }
    [[nodiscard]] int ended() const noexcept { return ended_; }
    [[nodiscard]] std::thread::id last_thread() const noexcept { return last_thread_; }

    ssize_t read(int fd, void* place, std::size_t size, off_t offset) {
        last_thread_ = std::this_thread::get_id();
        ++begun_;
        {
            std::unique_lock lock(mutex_);
            news_.wait(lock, [&] { return !is_held_; });
        }
        const ssize_t result = error != 0 ? -1 : ::syscall(SYS_pread64, fd, place, size, offset);
        if (error != 0) errno = error;
        ++ended_;
        return result;
    }

private:
    std::mutex mutex_;
    std::condition_variable news_;
    bool is_held_ = false;
    std::atomic<int> begun_ = 0, ended_ = 0;
    std::atomic<std::thread::id> last_thread_;
};

inline SlowDisk slow_disk;

// Waits until another thread makes the condition true. Returns false after 20 seconds.
template <class Condition>
[[nodiscard]] bool soon(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

}  // namespace proapi::tests

extern "C" {

ssize_t pread(int fd, void* place, std::size_t size, off_t offset) {
    return proapi::tests::slow_disk.read(fd, place, size, offset);
}

ssize_t preadv2(int fd, const iovec* places, int, off_t offset, int) {
    const proapi::tests::SlowDisk& disk = proapi::tests::slow_disk;
    if (disk.gives_nothing_at_once) return 0;
    if (disk.error_at_once == 0) return ::syscall(SYS_pread64, fd, places->iov_base, places->iov_len, offset);
    errno = disk.error_at_once;
    return -1;
}
}
