// Many recv() and send() calls at a time: in one system call if the kernel has io_uring, otherwise one by one. No call
// waits (one that would returns EAGAIN), and none stays in progress: a ring's requests are done when submit() returns,
// like direct ones, so the kernel never uses a buffer after that.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "net/forks.hpp"

struct io_uring;

namespace proapi::net {

struct IoRequest {
    enum class Kind : std::uint8_t { receive, send };
    Kind kind = Kind::receive;
    int fd = -1;
    std::uint8_t* data = nullptr;
    std::size_t size = 0;
    ssize_t result = 0;  // octets, or a negative error number
};

class IoHandler {
public:
    // The call is done. Received octets are in the reactor's buffer, valid until this returns; sent octets are the
    // handler's own.
    virtual void on_io_done(const IoRequest& request) = 0;

protected:
    ~IoHandler() = default;
};

// Submits requests to the kernel. Used by one thread at a time.
class IoSubmitter {
public:
    // `automatic`: io_uring, unless the kernel refuses it or the environment sets PROAPI_IO_URING=off.
    enum class Backend : std::uint8_t { automatic, direct };
    explicit IoSubmitter(Backend backend) noexcept;
    ~IoSubmitter();
    IoSubmitter(const IoSubmitter&) = delete;
    IoSubmitter& operator=(const IoSubmitter&) = delete;

    // Whether requests are submitted to the kernel together.
    [[nodiscard]] bool is_batching() const noexcept { return ring_ != nullptr; }
    void submit(std::span<IoRequest> requests) noexcept;
    // Uses one system call for this call alone.
    static void submit_alone(IoRequest& request) noexcept;

private:
    struct Close {
        Close() noexcept : forks(fork_count()) {}
        unsigned forks;  // at the creation of the ring
        void operator()(io_uring* ring) const noexcept;
    };
    void enqueue(std::span<IoRequest> requests) noexcept;
    [[nodiscard]] std::size_t reap() noexcept;

    std::unique_ptr<io_uring, Close> ring_;
};

// Calls that are carried out together and then reported one after another.
class IoBatch {
public:
    static constexpr std::size_t capacity = 64;

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    // Whether complete() must be called before the next add().
    [[nodiscard]] bool is_full() const noexcept { return count_ == capacity || is_submitted_; }
    void add(IoHandler& handler, const IoRequest& request) noexcept {
        handlers_[count_] = &handler;
        requests_[count_++] = request;
    }
    // Carries out the requests, each receiving into its share of `buffer`, at most `max_bytes`; then reports each to
    // its handler and calls `after_each` after each report. If a handler throws, the next complete() reports the
    // rest.
    template <class AfterEach>
    void complete(IoSubmitter& ring, std::span<std::uint8_t> buffer, std::size_t max_bytes, AfterEach&& after_each) {
        if (count_ == 0) return;
        if (!is_submitted_) submit(ring, buffer, max_bytes);
        while (reported_ < count_) {
            const std::size_t next = reported_++;
            if (handlers_[next]) handlers_[next]->on_io_done(requests_[next]);
            after_each();
        }
        count_ = reported_ = 0;
        is_submitted_ = false;
    }
    // The same, but carries out the requests one after another, each into the whole of `buffer`, which then stays in
    // the processor's cache.
    template <class AfterEach>
    void complete_one_by_one(std::span<std::uint8_t> buffer, AfterEach&& after_each) {
        while (reported_ < count_) {
            const std::size_t next = reported_++;
            if (!handlers_[next]) continue;
            requests_[next].data = buffer.data();
            requests_[next].size = buffer.size();
            IoSubmitter::submit_alone(requests_[next]);
            handlers_[next]->on_io_done(requests_[next]);
            after_each();
        }
        count_ = reported_ = 0;
    }
    // Reports nothing more to the handler; its descriptor may then be closed.
    void forget(const IoHandler& handler) noexcept;

private:
    void submit(IoSubmitter& ring, std::span<std::uint8_t> buffer, std::size_t max_bytes) noexcept;

    std::array<IoHandler*, capacity> handlers_;  // null if forgotten
    std::array<IoRequest, capacity> requests_;
    std::size_t count_ = 0, reported_ = 0;
    bool is_submitted_ = false;
};

}  // namespace proapi::net
