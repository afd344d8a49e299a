#include "net/calls.hpp"

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

void CallRing::Close::operator()(io_uring* ring) const noexcept {
    // A child's copy has no memory to give back, see CallRing().
    if (fork_count() != forks) {
        ::close(ring->ring_fd);
    } else {
        ::io_uring_queue_exit(ring);
    }
    delete ring;
}

void CallRing::carry_out_alone(Call& call) noexcept {
    call.result = call.kind == Call::Kind::receive ? ::recv(call.fd, call.data, call.size, flags)
                                                   : ::send(call.fd, call.data, call.size, flags);
    if (call.result < 0) call.result = -errno;
}

CallRing::CallRing(Backend backend) noexcept {
    if (backend == Backend::direct || is_switched_off()) return;
    watch_forks();
    auto ring = std::unique_ptr<io_uring>(new (std::nothrow) io_uring{});
    // A call that fails does not keep those behind it from being carried out (Linux 5.18).
    if (!ring || ::io_uring_queue_init(CallQueue::capacity, ring.get(), IORING_SETUP_SUBMIT_ALL) != 0) return;
    ring_ = {ring.release(), Close()};
    // What a child wrote into the ring's memory, the kernel would carry out as this process's calls.
    if (::io_uring_ring_dontfork(ring_.get()) != 0) ring_.reset();
}

CallRing::~CallRing() = default;

void CallRing::carry_out(std::span<Call> calls) noexcept {
    if (ring_ && calls.size() >= worth_a_ring) return submit(calls);
    for (Call& call : calls) carry_out_alone(call);
}

// At most CallQueue::capacity calls. With MSG_DONTWAIT each is done before the submission returns.
void CallRing::submit(std::span<Call> calls) noexcept {
    for (Call& call : calls) {
        io_uring_sqe* entry = ::io_uring_get_sqe(ring_.get());
        if (call.kind == Call::Kind::receive) {
            ::io_uring_prep_recv(entry, call.fd, call.data, call.size, flags);
        } else {
            ::io_uring_prep_send(entry, call.fd, call.data, call.size, flags);
        }
        ::io_uring_sqe_set_data(entry, &call);
    }
    int error = std::min(::io_uring_submit(ring_.get()), 0);
    std::size_t left = calls.size() - reap();
    while (left > 0 && (error == 0 || error == -EINTR)) {
        error = std::min(::io_uring_submit_and_wait(ring_.get(), 1), 0);
        left -= reap();
    }
    if (left == 0) return;
    // The kernel has no memory for it, or forbids it by now: it has not taken the last ones, and is not asked again.
    ring_.reset();
    for (Call& call : calls.last(left)) carry_out_alone(call);
}

// Gives how many calls are done.
std::size_t CallRing::reap() noexcept {
    unsigned head = 0, count = 0;
    io_uring_cqe* done = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, done) {
        static_cast<Call*>(::io_uring_cqe_get_data(done))->result = done->res;
        ++count;
    }
    ::io_uring_cq_advance(ring_.get(), count);
    return count;
}

void CallQueue::carry_out(CallRing& ring, std::span<std::uint8_t> buffer, std::size_t most_bytes) noexcept {
    if (!buffer.empty()) {
        const std::size_t share_bytes =
            std::min(buffer.size() / count_ / cache_line_bytes * cache_line_bytes, most_bytes);
        for (std::size_t i = 0; i < count_; ++i) {
            calls_[i].data = buffer.data() + i * share_bytes;
            calls_[i].size = share_bytes;
        }
    }
    ring.carry_out(std::span(calls_).first(count_));
    is_carried_out_ = true;
}

void CallQueue::forget(const Caller& caller) noexcept {
    for (std::size_t i = told_; i < count_; ++i) {
        if (callers_[i] != &caller) continue;
        callers_[i] = nullptr;
        calls_[i].fd = -1;
    }
}

}  // namespace proapi::net
