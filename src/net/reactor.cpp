#include "net/reactor.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <stdexcept>

namespace proapi::net {

namespace {

thread_local Reactor* current_reactor = nullptr;

unsigned count_forks_from_now() noexcept {
    watch_forks();
    return fork_count();
}

// epoll returns either a Watcher's address or, with the lowest bit set, a descriptor of a driven loop.
constexpr std::uint64_t foreign_tag = 1;

constexpr std::uint64_t stall_ms = 250;
constexpr int max_batches_after_stall = 64;

void add_own_descriptor(int epoll, int fd, void* tag) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = tag}};
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) base::throw_errno("epoll_ctl");
}

}  // namespace

struct Reactor::Batch {
    std::array<epoll_event, max_events> events;
    std::size_t count = 0, next = 0;

    [[nodiscard]] bool is_done() const noexcept { return next == count; }
};

Reactor::Reactor(IoSubmitter::Backend backend)
    : forks_(count_forks_from_now()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      guest_timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      ring_(backend),
      read_buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(read_buffer_bytes)),
      batch_(std::make_unique<Batch>()) {
    if (!epoll_ || !wake_ || !guest_timer_) base::throw_errno("reactor");
    add_own_descriptor(epoll_.get(), wake_.get(), nullptr);
    add_own_descriptor(epoll_.get(), guest_timer_.get(), nullptr);
    read_clock();
    current_reactor = this;
}

Reactor::~Reactor() {
    if (current_reactor == this) current_reactor = nullptr;
}

void Reactor::leave_fork() const {
    if (on_forked_) on_forked_();
    end_forked_child();
}

Reactor* Reactor::current() noexcept {
    return current_reactor;
}

void Reactor::read_clock() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    now_ms_ = static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

void Reactor::run() {
    while (!stopping_.load(std::memory_order_acquire)) turn(std::nullopt);
    stopping_.store(false, std::memory_order_release);
}

void Reactor::stop() noexcept {
    stopping_.store(true, std::memory_order_release);
    wake();
}

void Reactor::wake() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Reactor::post(std::function<void()> task) {
    {
        const std::lock_guard lock(posted_mutex_);
        posted_.push_back(std::move(task));
        if (posted_.size() > 1) return;  // the first task has woken the reactor
    }
    wake();
}

// Tasks that are posted meanwhile wait for the next turn, and so do the tasks after one that throws.
void Reactor::run_posted() {
    {
        // Takes all tasks, even if an exception has left some over: post() wakes the reactor only for the first that
        // waits.
        const std::lock_guard lock(posted_mutex_);
        if (running_.empty()) {
            running_.swap(posted_);
        } else {
            std::move(posted_.begin(), posted_.end(), std::back_inserter(running_));
            posted_.clear();
        }
    }
    while (!running_.empty()) {
        const auto task = std::move(running_.front());
        running_.pop_front();
        task();
        check_fork();
    }
}

bool Reactor::has_work() const noexcept {
    return !turn_end_hooks_.empty() || !deferred_reads_.empty() || !running_.empty() || !batch_->is_done() ||
           !reads_.is_empty() || !large_reads_.is_empty() || !sends_.is_empty();
}

// One phase of a turn. If an exception (out of memory) ends it early, the next turn handles the rest.
class Reactor::TurnPhase {
public:
    explicit TurnPhase(Reactor& reactor) noexcept : reactor_(reactor), outer_(std::exchange(reactor.in_turn_, true)) {}
    TurnPhase(const TurnPhase&) = delete;
    TurnPhase& operator=(const TurnPhase&) = delete;
    ~TurnPhase() {
        reactor_.in_turn_ = outer_;
        reactor_.in_hooks_ = false;
        reactor_.turn_end_hooks_.splice(hooks);
        reactor_.deferred_reads_.splice(reads);
    }

    base::IntrusiveList<TurnEndHook, TurnEndHook> hooks;
    base::IntrusiveList<Reader, Reader> reads;

private:
    Reactor& reactor_;
    const bool outer_;
};

void Reactor::turn(std::optional<Duration> timeout) {
    if (is_forked())
        throw std::logic_error(
            "this process was forked from the server and can't continue to serve; use exec or os._exit");
    if (in_turn_) throw std::logic_error("the loop was run inside a handler that it is running");
    current_reactor = this;
    ++turn_number_;
    foreign_events_.clear();
    finish_turn();
    wait(timeout);
    read_clock();
    const bool stalled = now_ms_ > std::exchange(last_turn_ms_, now_ms_) + stall_ms;
    {
        TurnPhase phase(*this);
        // Streams that had more to read than their share come after the others, once per turn each.
        phase.reads.splice(deferred_reads_);
        complete_reads();  // left over by an exception
        dispatch();
        if (stalled) catch_up();
        for (std::size_t i = 1; Reader* reader = phase.reads.pop_front(); ++i) {
            reader->read_again();
            check_fork();
            if (i % full_reads == 0) complete_reads();
        }
        complete_reads();
        if (!running_.empty()) run_posted();
        timers_.advance(now_ms_);
        check_fork();
    }
    finish_turn();
}

void Reactor::finish_turn() {
    if (turn_end_hooks_.empty() && sends_.is_empty()) return;
    read_clock();  // deadlines of the writes below begin now, however long or long ago the turn was
    TurnPhase phase(*this);
    phase.hooks.splice(turn_end_hooks_);
    complete_sends();  // left over by an exception
    in_hooks_ = true;
    while (TurnEndHook* hook = phase.hooks.pop_front()) {
        hook->on_turn_end();
        check_fork();
        if (sends_.is_full()) complete_sends();
    }
    complete_sends();
}

bool Reactor::send_together(IoHandler& handler, int fd, base::Bytes octets) noexcept {
    if (!in_hooks_ || sends_.is_full()) return false;
    sends_.add(handler, {.kind = IoRequest::Kind::send,
                         .fd = fd,
                         .data = const_cast<std::uint8_t*>(octets.data()),
                         .size = octets.size()});
    return true;
}

void Reactor::wait(std::optional<Duration> timeout) {
    int wait_ms = -1;
    if (has_work()) {
        wait_ms = 0;
    } else {
        std::optional<std::uint64_t> limit_ms;
        if (timeout) limit_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout->count(), 0));
        if (const auto deadline = timers_.next_deadline_ms(); deadline && limit_ms != 0U) {
            read_clock();
            const std::uint64_t until = *deadline > now_ms_ ? *deadline - now_ms_ : 0;
            limit_ms = std::min(limit_ms.value_or(until), until);
        }
        if (limit_ms) wait_ms = static_cast<int>(std::min<std::uint64_t>(*limit_ms, 3'600'000));
    }
    if (batch_->next < batch_->count) return;  // left over by an exception: each event is reported only once
    void* guard = nullptr;
    const bool guarded = wait_ms != 0 && wait_guard_.before;
    if (guarded) guard = wait_guard_.before();
    static_cast<void>(poll(wait_ms));
    if (guarded) wait_guard_.after(guard);
}

bool Reactor::poll(int wait_ms) noexcept {
    const int count = ::epoll_wait(epoll_.get(), batch_->events.data(), static_cast<int>(max_events), wait_ms);
    batch_->next = 0;
    batch_->count = count > 0 ? static_cast<std::size_t>(count) : 0;
    return count >= 0;
}

// After a stall (a handler that held the thread, a stopped process) there may be more events than one batch holds.
// Timers judge what peers did and did not do, so all events are handled before the timers.
void Reactor::catch_up() {
    const std::size_t foreign = foreign_events_.size();
    for (int batches = 0; batches < max_batches_after_stall; ++batches) {
        const bool was_interrupted = !poll(0);
        const bool was_full = batch_->count == max_events;
        dispatch();
        // Events of a driven loop are level-triggered: the next turn reports them again.
        foreign_events_.resize(std::min(foreign, foreign_events_.size()));
        if (!was_full && !was_interrupted) return;
    }
}

void Reactor::dispatch() {
    bool woken = false;
    while (batch_->next < batch_->count) {
        if (reads_.is_full() || large_reads_.is_full()) complete_reads();
        const epoll_event event = batch_->events[batch_->next++];
        if (event.data.ptr == nullptr) {
            woken = true;
        } else if (event.data.u64 & foreign_tag) {
            foreign_events_.push_back({static_cast<int>(event.data.u64 >> 1), event.events});
        } else {
            static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
            check_fork();
        }
    }
    batch_->next = batch_->count = 0;
    complete_reads();
    if (!woken) return;
    std::uint64_t count = 0;
    [[maybe_unused]] auto taken = ::read(wake_.get(), &count, sizeof count);
    taken = ::read(guest_timer_.get(), &count, sizeof count);
    guest_deadline_ms_.reset();
    run_posted();
}

void Reactor::complete_reads() {
    const std::span buffer(read_buffer_.get(), read_buffer_bytes);
    reads_.complete(ring_, buffer, batched_read_bytes, [this] { check_fork(); });
    large_reads_.complete_one_by_one(buffer, [this] { check_fork(); });
}

void Reactor::complete_sends() {
    sends_.complete(ring_, {}, 0, [this] { check_fork(); });
}

void Reactor::arm_guest_timer() {
    if (is_forked()) return;
    const auto deadline = timers_.next_deadline_ms();
    // A deadline that has moved later is noticed when the timer fires for the earlier one.
    if (!deadline || (guest_deadline_ms_ && *guest_deadline_ms_ <= *deadline)) return;
    guest_deadline_ms_ = deadline;
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(*deadline / 1000);
    spec.it_value.tv_nsec = static_cast<long>(*deadline % 1000) * 1'000'000 + 1;
    ::timerfd_settime(guest_timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Reactor::start_timer(base::Timer& timer, Duration delay) noexcept {
    if (!in_turn_) read_clock();
    timers_.start(timer, now_ms_ + static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count(), 0)));
    if (!in_turn_ && outside_work_) outside_work_(outside_work_context_);
}

void Reactor::at_turn_end(TurnEndHook& hook) noexcept {
    if (hook.is_linked()) return;
    const bool first = turn_end_hooks_.empty();
    turn_end_hooks_.push_back(hook);
    if (first && !in_turn_ && outside_work_) outside_work_(outside_work_context_);
}

int Reactor::watch_external(int fd, std::uint32_t events, bool is_known) noexcept {
    if (is_forked()) return 0;
    epoll_event event{.events = events, .data = {.u64 = (static_cast<std::uint64_t>(fd) << 1) | foreign_tag}};
    const int operation = events == 0 ? EPOLL_CTL_DEL : is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

void Reactor::watch(int fd, Watcher& watcher, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.ptr = &watcher}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) base::throw_errno("epoll_ctl");
}

void Reactor::unwatch(int fd, const Watcher& watcher, const IoHandler& handler) noexcept {
    unwatch(fd, watcher);
    reads_.forget(handler);
    large_reads_.forget(handler);
    sends_.forget(handler);
}

void Reactor::unwatch(int fd, const Watcher& watcher) noexcept {
    if (!is_forked()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    // The remaining events of the current batch must not reach a watcher that may be destroyed.
    const auto end = batch_->events.begin() + static_cast<std::ptrdiff_t>(batch_->count);
    const auto rest = batch_->events.begin() + static_cast<std::ptrdiff_t>(batch_->next);
    batch_->count = static_cast<std::size_t>(
        std::remove_if(rest, end, [&](const epoll_event& event) { return event.data.ptr == &watcher; }) -
        batch_->events.begin());
}

}  // namespace proapi::net
