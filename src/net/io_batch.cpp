#include "net/io_batch.hpp"

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace proapi::net {

namespace {

constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr std::size_t worth_a_ring = 3;
constexpr std::size_t cache_line_bytes = 64;

[[nodiscard]] bool is_switched_off() noexcept {
    const char* said = std::getenv("PROAPI_IO_URING");
    return said && std::string_view(said) == "off";
}

}  // namespace

void IoSubmitter::Close::operator()(io_uring* ring) const noexcept {
    // A child's copy of the ring has no memory to release, see IoSubmitter().
    if (fork_count() != forks) {
        ::close(ring->ring_fd);
    } else {
        ::io_uring_queue_exit(ring);
    }
    delete ring;
}

void IoSubmitter::submit_alone(IoRequest& request) noexcept {
    request.result = request.kind == IoRequest::Kind::receive ? ::recv(request.fd, request.data, request.size, flags)
                                                              : ::send(request.fd, request.data, request.size, flags);
    if (request.result < 0) request.result = -errno;
}

IoSubmitter::IoSubmitter(Backend backend) noexcept {
    if (backend == Backend::direct || is_switched_off()) return;
    watch_forks();
    auto ring = std::unique_ptr<io_uring>(new (std::nothrow) io_uring{});
    // A call that fails does not stop the requests after it (Linux 5.18).
    if (!ring || ::io_uring_queue_init(IoBatch::capacity, ring.get(), IORING_SETUP_SUBMIT_ALL) != 0) return;
    ring_ = {ring.release(), Close()};
    // Otherwise the kernel would carry out what a child writes into the ring's memory as requests of this process.
    if (::io_uring_ring_dontfork(ring_.get()) != 0) ring_.reset();
}

IoSubmitter::~IoSubmitter() = default;

void IoSubmitter::submit(std::span<IoRequest> requests) noexcept {
    if (ring_ && requests.size() >= worth_a_ring) return enqueue(requests);
    for (IoRequest& request : requests) submit_alone(request);
}

// Takes at most IoBatch::capacity requests. With MSG_DONTWAIT each call is done before the submission returns.
void IoSubmitter::enqueue(std::span<IoRequest> requests) noexcept {
    for (IoRequest& request : requests) {
        io_uring_sqe* entry = ::io_uring_get_sqe(ring_.get());
        if (request.kind == IoRequest::Kind::receive) {
            ::io_uring_prep_recv(entry, request.fd, request.data, request.size, flags);
        } else {
            ::io_uring_prep_send(entry, request.fd, request.data, request.size, flags);
        }
        ::io_uring_sqe_set_data(entry, &request);
    }
    int error = std::min(::io_uring_submit(ring_.get()), 0);
    std::size_t left = requests.size() - reap();
    while (left > 0 && (error == 0 || error == -EINTR)) {
        error = std::min(::io_uring_submit_and_wait(ring_.get(), 1), 0);
        left -= reap();
    }
    if (left == 0) return;
    // The kernel has no memory for the ring, or now forbids it. It has not taken the last requests; the ring is not
    // used again.
    ring_.reset();
    for (IoRequest& request : requests.last(left)) submit_alone(request);
}

// Returns the number of requests that are done.
std::size_t IoSubmitter::reap() noexcept {
    unsigned head = 0, count = 0;
    io_uring_cqe* done = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, done) {
        static_cast<IoRequest*>(::io_uring_cqe_get_data(done))->result = done->res;
        ++count;
    }
    ::io_uring_cq_advance(ring_.get(), count);
    return count;
}

void IoBatch::submit(IoSubmitter& ring, std::span<std::uint8_t> buffer, std::size_t max_bytes) noexcept {
    if (!buffer.empty()) {
        const std::size_t share_bytes =
            std::min(buffer.size() / count_ / cache_line_bytes * cache_line_bytes, max_bytes);
        for (std::size_t i = 0; i < count_; ++i) {
            requests_[i].data = buffer.data() + i * share_bytes;
            requests_[i].size = share_bytes;
        }
    }
    ring.submit(std::span(requests_).first(count_));
    is_submitted_ = true;
}

void IoBatch::forget(const IoHandler& handler) noexcept {
    for (std::size_t i = reported_; i < count_; ++i) {
        if (handlers_[i] != &handler) continue;
        handlers_[i] = nullptr;
        requests_[i].fd = -1;
    }
}

}  // namespace proapi::net
