// A file descriptor that closes itself, and the kernel's error numbers as text.
#pragma once

#include <string>
#include <system_error>
#include <utility>

namespace proapi::base {

class Descriptor {
public:
    Descriptor() noexcept = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    void reset() noexcept {
        if (fd_ >= 0) close(std::exchange(fd_, -1));
    }

private:
    static void close(int fd) noexcept;

    int fd_ = -1;
};

[[nodiscard]] inline std::string error_text(int error) {
    return std::generic_category().message(error);
}
// Throws std::system_error for the current errno.
[[noreturn]] void throw_errno(const char* what);

}  // namespace proapi::base
