// The event loop of one thread: completed reads, writes and accepts, timers, functions posted by other threads, and
// hooks at the end of each turn. It drives itself (`run`), or another loop drives it (`turn`, `descriptor`).
//
// One turn:  end-of-turn hooks -> wait -> completions -> posted functions -> timers -> end-of-turn hooks
//
// Readiness (epoll) is known to this layer only: the layers above see completed operations, so that an io_uring backend
// could implement the same interface. All members belong to the reactor's thread, except post(), stop() and wake().
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "base/intrusive_list.hpp"
#include "base/timer_wheel.hpp"
#include "net/forks.hpp"
#include "net/io_batch.hpp"

namespace proapi::net {

using Duration = std::chrono::milliseconds;

// Work for the end of the current turn, such as writing all output that was queued during it. Queued at most once.
class TurnEndHook : private base::ListLink {
public:
    TurnEndHook() = default;
    TurnEndHook(const TurnEndHook&) = delete;
    TurnEndHook& operator=(const TurnEndHook&) = delete;

    virtual void on_turn_end() = 0;
    void cancel_turn_end() noexcept { unlink(); }

protected:
    ~TurnEndHook() = default;

private:
    friend class Reactor;
    friend class base::IntrusiveList<TurnEndHook, TurnEndHook>;
};

class Reactor {
public:
    // Throws std::system_error if the kernel refuses a descriptor.
    explicit Reactor(IoSubmitter::Backend backend = IoSubmitter::Backend::automatic);
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    // The reactor whose turn this thread is in, or that this thread last created or ran; null on any other thread.
    [[nodiscard]] static Reactor* current() noexcept;

    // Runs turns until stop().
    void run();
    // Makes run() return after the current turn. Any thread, and signal handlers.
    void stop() noexcept;
    // Ends a wait: the current one, or the next. Any thread, and signal handlers.
    void wake() const noexcept;
    // Runs `task` on the reactor's thread, in the order of the calls. Any thread.
    void post(std::function<void()> task);

    // Whether this process is a fork of the one that created the reactor. The kernel objects then belong to the parent,
    // and the child may only close its copies. A child that returns here from a callback, as if it were the server, is
    // ended at once: what it would read and write next belongs to the parent.
    [[nodiscard]] bool is_forked() const noexcept { return fork_count() != forks_; }
    void check_fork() const {
        if (is_forked()) [[unlikely]]
            leave_fork();
    }
    // Whether a turn is in progress: no other turn can begin inside it.
    [[nodiscard]] bool is_in_turn() const noexcept { return in_turn_; }

    // Runs one turn that waits at most `timeout` (std::nullopt: no limit). Throws std::logic_error in a forked process,
    // and inside a turn.
    void turn(std::optional<Duration> timeout);
    // Runs end-of-turn hooks now, for output that was queued between two turns of a loop that drives this one.
    void finish_turn();
    // Whether the next turn should not wait, because work was put off for fairness or left over by an exception.
    [[nodiscard]] bool has_work() const noexcept;
    // Readable when a turn has work to do; with arm_guest_timer(), also when a timer is due.
    [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }
    // For a loop that waits on descriptor(): makes it readable at the next timer's deadline.
    void arm_guest_timer();

    // Another one in each turn; not 0 within the first.
    [[nodiscard]] std::uint32_t turn_number() const noexcept { return turn_number_; }
    // Monotonic time in milliseconds, read once per turn.
    [[nodiscard]] std::uint64_t now_ms() const noexcept { return now_ms_; }
    void start_timer(base::Timer& timer, Duration delay) noexcept;
    void at_turn_end(TurnEndHook& hook) noexcept;

    // Called before and after a wait that may block, to release and retake an interpreter lock.
    struct WaitGuard {
        void* (*before)() = nullptr;
        void (*after)(void*) = nullptr;
    };
    void set_wait_guard(WaitGuard guard) noexcept { wait_guard_ = guard; }
    // Called in a forked child that has returned from a callback, before the child is ended. May throw, which keeps the
    // child running.
    void set_fork_callback(void (*callback)()) noexcept { on_forked_ = callback; }
    // Called when a hook is queued or a timer is started outside any turn: the driving loop must call finish_turn()
    // soon.
    void set_outside_work_callback(void (*callback)(void*), void* context) noexcept {
        outside_work_ = callback;
        outside_work_context_ = context;
    }

    // Descriptors of a loop that this reactor drives (asyncio's): readiness in epoll's bits, level-triggered.
    struct ForeignEvent {
        int fd;
        std::uint32_t events;
    };
    // Returns 0 or an error number. `events` 0 removes the descriptor.
    int watch_external(int fd, std::uint32_t events, bool is_known) noexcept;
    // The events of these descriptors in the last turn.
    [[nodiscard]] std::vector<ForeignEvent>& foreign_events() noexcept { return foreign_events_; }

    // --- for this layer's sockets ---
    // Receives readiness of one descriptor.
    class Watcher {
    public:
        virtual void on_ready(std::uint32_t events) = 0;

    protected:
        ~Watcher() = default;
    };
    // A stream whose reads may be deferred to the next turn.
    class Reader : private base::ListLink {
    public:
        virtual void read_again() = 0;
        void cancel_read() noexcept { unlink(); }

    protected:
        ~Reader() = default;

    private:
        friend class Reactor;
        friend class base::IntrusiveList<Reader, Reader>;
    };
    void watch(int fd, Watcher& watcher, std::uint32_t events);
    // After this the watcher gets no more events of the descriptor, and the handler no more results of requests on it,
    // even of those that have already happened.
    void unwatch(int fd, const Watcher& watcher, const IoHandler& handler) noexcept;
    void unwatch(int fd, const Watcher& watcher) noexcept;
    // Schedules another read of that stream in the next turn, because its share of this turn is used up.
    void read_later(Reader& reader) noexcept { deferred_reads_.push_back(reader); }
    // To be called once from on_ready() or read_again(): receives from that socket into the thread's one buffer. All
    // ready sockets are read together before the first is reported, so that the kernel's code and the handlers'
    // alternate in the processor's caches per batch, not per message. Idle sockets need no buffer.
    void receive(IoHandler& handler, int fd) noexcept {
        reads_.add(handler, {.kind = IoRequest::Kind::receive, .fd = fd});
    }
    // The same for a socket from which much is expected: received separately, into the whole buffer.
    void receive_much(IoHandler& handler, int fd) noexcept {
        large_reads_.add(handler, {.kind = IoRequest::Kind::receive, .fd = fd});
    }
    // Sends together with the sends of the other hooks at this turn's end, and reports the result before the turn is
    // over. Returns false if no hooks are running or too many want to send; the caller may then send alone.
    [[nodiscard]] bool send_together(IoHandler& handler, int fd, base::Bytes octets) noexcept;

    static constexpr std::size_t batched_read_bytes = 64 * 1024;
    static constexpr std::size_t full_reads = 4;  // this many reads at once may each take batched_read_bytes
    // The most that one read takes. A little more than the above, so that a message of 256 KiB arrives whole, with its
    // head and the next one's.
    static constexpr std::size_t read_buffer_bytes = full_reads * batched_read_bytes + 16 * 1024;

private:
    void wait(std::optional<Duration> timeout);
    // Collects events that are ready into the batch. Returns false if a signal interrupted the call.
    bool poll(int wait_ms) noexcept;
    void dispatch();
    // Carries out the reads of streams that are ready, and reports them to the streams.
    void complete_reads();
    void complete_sends();
    void catch_up();
    void run_posted();
    void leave_fork() const;
    void read_clock() noexcept;

    static constexpr std::size_t max_events = 256;

    const unsigned forks_;  // at the creation of the reactor
    base::Descriptor epoll_, wake_, guest_timer_;
    IoSubmitter ring_;
    IoBatch reads_, large_reads_, sends_;
    std::unique_ptr<std::uint8_t[]> read_buffer_;
    struct Batch;
    class TurnPhase;
    std::unique_ptr<Batch> batch_;
    base::TimerWheel timers_;
    std::uint64_t now_ms_ = 0, last_turn_ms_ = 0;
    std::uint32_t turn_number_ = 0;
    std::optional<std::uint64_t> guest_deadline_ms_;
    base::IntrusiveList<TurnEndHook, TurnEndHook> turn_end_hooks_;
    base::IntrusiveList<Reader, Reader> deferred_reads_;
    std::vector<ForeignEvent> foreign_events_;
    WaitGuard wait_guard_;
    void (*on_forked_)() = nullptr;
    void (*outside_work_)(void*) = nullptr;
    void* outside_work_context_ = nullptr;
    bool in_turn_ = false, in_hooks_ = false;
    std::atomic<bool> stopping_ = false;
    std::mutex posted_mutex_;
    std::deque<std::function<void()>> posted_;
    std::deque<std::function<void()>> running_;  // taken from posted_
};

}  // namespace proapi::net
