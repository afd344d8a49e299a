// recv() and send(), many at a time: with one system call where the kernel has io_uring, else one by one. Nothing waits
// (what would is EAGAIN), and nothing is left under way: a ring's calls are done when submit() returns, like direct
// ones, so that no buffer is ever the kernel's behind its owner's back.
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
    ssize_t result = 0;  // octets, or an error number, negative
};

class IoHandler {
public:
    // The call is done. Its octets are the reactor's, or its own, until this returns.
    virtual void on_io_done(const IoRequest& call) = 0;

protected:
    ~IoHandler() = default;
};

// The way to the kernel. Used by one thread at a time.
class IoSubmitter {
public:
    // `automatic`: io_uring, unless the kernel refuses it or the environment says PROAPI_IO_URING=off.
    enum class Backend : std::uint8_t { automatic, direct };
    explicit IoSubmitter(Backend backend) noexcept;
    ~IoSubmitter();
    IoSubmitter(const IoSubmitter&) = delete;
    IoSubmitter& operator=(const IoSubmitter&) = delete;

    // Whether calls are given to the kernel together.
    [[nodiscard]] bool is_batching() const noexcept { return ring_ != nullptr; }
    void submit(std::span<IoRequest> calls) noexcept;
    // With a system call of its own.
    static void submit_alone(IoRequest& call) noexcept;

private:
    struct Close {
        Close() noexcept : forks(fork_count()) {}
        unsigned forks;  // when the ring was made
        void operator()(io_uring* ring) const noexcept;
    };
    void enqueue(std::span<IoRequest> calls) noexcept;
    [[nodiscard]] std::size_t reap() noexcept;

    std::unique_ptr<io_uring, Close> ring_;
};

// Calls that wait to be carried out together, and then to be told of, one after the other.
class IoBatch {
public:
    static constexpr std::size_t capacity = 64;

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    // Whether add() has to wait for complete().
    [[nodiscard]] bool is_full() const noexcept { return count_ == capacity || is_submitted_; }
    void add(IoHandler& handler, const IoRequest& call) noexcept {
        handlers_[count_] = &handler;
        requests_[count_++] = call;
    }
    // Carries them out, each receiving into its share of `buffer`, at most `most_bytes`; then tells the callers, with a
    // call of `after_each` after each. What an exception of one of them leaves over is told by the next complete().
    template <class AfterEach>
    void complete(IoSubmitter& ring, std::span<std::uint8_t> buffer, std::size_t most_bytes, AfterEach&& after_each) {
        if (count_ == 0) return;
        if (!is_submitted_) submit(ring, buffer, most_bytes);
        while (reported_ < count_) {
            const std::size_t next = reported_++;
            if (handlers_[next]) handlers_[next]->on_io_done(requests_[next]);
            after_each();
        }
        count_ = reported_ = 0;
        is_submitted_ = false;
    }
    // The same one after the other, each into the whole of `buffer`, which is hot in the cache then.
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
    // The caller is told nothing more, and its descriptor may be closed.
    void forget(const IoHandler& handler) noexcept;

private:
    void submit(IoSubmitter& ring, std::span<std::uint8_t> buffer, std::size_t most_bytes) noexcept;

    std::array<IoHandler*, capacity> handlers_;  // null: forgotten
    std::array<IoRequest, capacity> requests_;
    std::size_t count_ = 0, reported_ = 0;
    bool is_submitted_ = false;
};

}  // namespace proapi::net
