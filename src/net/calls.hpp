// recv() and send(), many at a time: with one system call where the kernel has io_uring, else one by one. Nothing waits
// (what would is EAGAIN), and nothing is left under way: a ring's calls are done when carry_out() returns, like direct
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

struct Call {
    enum class Kind : std::uint8_t { receive, send };
    Kind kind = Kind::receive;
    int fd = -1;
    std::uint8_t* data = nullptr;
    std::size_t size = 0;
    ssize_t result = 0;  // octets, or an error number, negative
};

class Caller {
public:
    // The call is done. Its octets are the reactor's, or its own, until this returns.
    virtual void on_call_done(const Call& call) = 0;

protected:
    ~Caller() = default;
};

// The way to the kernel. Used by one thread at a time.
class CallRing {
public:
    // `automatic`: io_uring, unless the kernel refuses it or the environment says PROAPI_IO_URING=off.
    enum class Backend : std::uint8_t { automatic, direct };
    explicit CallRing(Backend backend) noexcept;
    ~CallRing();
    CallRing(const CallRing&) = delete;
    CallRing& operator=(const CallRing&) = delete;

    // Whether calls are given to the kernel together.
    [[nodiscard]] bool is_together() const noexcept { return ring_ != nullptr; }
    void carry_out(std::span<Call> calls) noexcept;
    // With a system call of its own.
    static void carry_out_alone(Call& call) noexcept;

private:
    struct Close {
        Close() noexcept : forks(fork_count()) {}
        unsigned forks;  // when the ring was made
        void operator()(io_uring* ring) const noexcept;
    };
    void submit(std::span<Call> calls) noexcept;
    [[nodiscard]] std::size_t reap() noexcept;

    std::unique_ptr<io_uring, Close> ring_;
};

// Calls that wait to be carried out together, and then to be told of, one after the other.
class CallQueue {
public:
    static constexpr std::size_t capacity = 64;

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    // Whether add() has to wait for complete().
    [[nodiscard]] bool is_full() const noexcept { return count_ == capacity || is_carried_out_; }
    void add(Caller& caller, const Call& call) noexcept {
        callers_[count_] = &caller;
        calls_[count_++] = call;
    }
    // Carries them out, each receiving into its share of `buffer`, at most `most_bytes`; then tells the callers, with a
    // call of `after_each` after each. What an exception of one of them leaves over is told by the next complete().
    template <class AfterEach>
    void complete(CallRing& ring, std::span<std::uint8_t> buffer, std::size_t most_bytes, AfterEach&& after_each) {
        if (count_ == 0) return;
        if (!is_carried_out_) carry_out(ring, buffer, most_bytes);
        while (told_ < count_) {
            const std::size_t next = told_++;
            if (callers_[next]) callers_[next]->on_call_done(calls_[next]);
            after_each();
        }
        count_ = told_ = 0;
        is_carried_out_ = false;
    }
    // The same one after the other, each into the whole of `buffer`, which is hot in the cache then.
    template <class AfterEach>
    void complete_singly(std::span<std::uint8_t> buffer, AfterEach&& after_each) {
        while (told_ < count_) {
            const std::size_t next = told_++;
            if (!callers_[next]) continue;
            calls_[next].data = buffer.data();
            calls_[next].size = buffer.size();
            CallRing::carry_out_alone(calls_[next]);
            callers_[next]->on_call_done(calls_[next]);
            after_each();
        }
        count_ = told_ = 0;
    }
    // The caller is told nothing more, and its descriptor may be closed.
    void forget(const Caller& caller) noexcept;

private:
    void carry_out(CallRing& ring, std::span<std::uint8_t> buffer, std::size_t most_bytes) noexcept;

    std::array<Caller*, capacity> callers_;  // null: forgotten
    std::array<Call, capacity> calls_;
    std::size_t count_ = 0, told_ = 0;
    bool is_carried_out_ = false;
};

}  // namespace proapi::net
