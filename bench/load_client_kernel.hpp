// How load_client calls the kernel: many nonblocking calls in one system call, if the kernel has io_uring.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

[[noreturn]] inline void fail(const std::string& what) {
    throw std::runtime_error(what);
}
[[noreturn]] inline void fail_by_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] inline void fail_by(const char* what, ssize_t result) {
    throw std::system_error(static_cast<int>(-result), std::generic_category(), what);
}

struct Call {
    bool is_send = false;
    int fd = -1;
    void* data = nullptr;
    std::size_t size = 0;
    ssize_t result = 0;  // octets, or a negative error number

    void carry_out() {
        result = is_send ? ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : ::recv(fd, data, size, MSG_DONTWAIT);
        if (result < 0) result = -errno;
    }
};

// Runs many nonblocking calls in one system call.
class Kernel {
public:
    static constexpr unsigned max_calls = 256;

    Kernel() : has_ring_(::io_uring_queue_init(max_calls, &ring_, IORING_SETUP_SUBMIT_ALL) == 0) {}
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel() {
        if (has_ring_) ::io_uring_queue_exit(&ring_);
    }

    void carry_out(std::span<Call> calls) {
        if (!has_ring_ || calls.size() < 3) {
            for (Call& call : calls) call.carry_out();
            return;
        }
        for (Call& call : calls) {
            io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
            if (call.is_send) {
                ::io_uring_prep_send(entry, call.fd, call.data, call.size, MSG_DONTWAIT | MSG_NOSIGNAL);
            } else {
                ::io_uring_prep_recv(entry, call.fd, call.data, call.size, MSG_DONTWAIT);
            }
            ::io_uring_sqe_set_data(entry, &call);
        }
        const auto count = static_cast<unsigned>(calls.size());
        if (::io_uring_submit_and_wait(&ring_, count) != static_cast<int>(count)) fail("io_uring took not all calls");
        for (unsigned i = 0; i < count; ++i) {
            io_uring_cqe* done = nullptr;
            if (::io_uring_wait_cqe(&ring_, &done) != 0) fail("io_uring lost a call");
            static_cast<Call*>(::io_uring_cqe_get_data(done))->result = done->res;
            ::io_uring_cqe_seen(&ring_, done);
        }
    }

private:
    io_uring ring_{};
    bool has_ring_;
};
