// Calls that are given to the kernel together have the same results as single calls. A queued call is reported once,
// whatever happens before.
#include "net/io_batch.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "backends.hpp"

namespace proapi::net {
namespace {

struct Pair : SocketPair {
    void peer_sends(std::string_view text) const {
        ASSERT_EQ(::write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
};

struct Recorder final : IoHandler {
    void on_io_done(const IoRequest& call) override {
        results.push_back(call.result);
        if (call.kind == IoRequest::Kind::receive && call.result > 0)
            received.append(reinterpret_cast<const char*>(call.data), static_cast<std::size_t>(call.result));
        if (after) after();
    }
    std::vector<ssize_t> results;
    std::string received;
    std::function<void()> after;
};

class Calls : public ::testing::TestWithParam<IoSubmitter::Backend> {
protected:
    IoSubmitter ring{GetParam()};
    IoBatch queue;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(64 * 1024);

    void complete() {
        queue.complete(ring, buffer, 4096, [] {});
    }
    void receive(IoHandler& handler, const Pair& pair) { queue.add(handler, {.fd = pair.ours.get()}); }
};

TEST_P(Calls, GiveWhatEachAloneWouldGive) {
    Pair readable, quiet, ended, gone;
    readable.peer_sends("hello");
    ended.theirs.reset();
    gone.theirs.reset();
    std::vector<std::uint8_t> room(10);
    std::uint8_t text[] = {'x', 'y'};
    const auto receive_from = [&](int fd) { return IoRequest{.fd = fd, .data = room.data(), .size = room.size()}; };
    const auto send_to = [&](int fd) {
        return IoRequest{.kind = IoRequest::Kind::send, .fd = fd, .data = text, .size = 2};
    };
    std::vector<IoRequest> calls{receive_from(readable.ours.get()), receive_from(quiet.ours.get()),
                                 receive_from(ended.ours.get()),    receive_from(-1),
                                 send_to(quiet.ours.get()),         send_to(gone.ours.get())};
    ring.submit(calls);
    std::vector<ssize_t> results;
    std::ranges::transform(calls, std::back_inserter(results), &IoRequest::result);
    EXPECT_EQ(results, (std::vector<ssize_t>{5, -EAGAIN, 0, -EBADF, 2, -EPIPE}));
    EXPECT_EQ(std::string(room.begin(), room.begin() + 5), "hello");
}

TEST_P(Calls, EachReceivesIntoItsShareOfTheBuffer) {
    std::vector<Pair> pairs(IoBatch::capacity);
    std::vector<Recorder> recorders(pairs.size());
    const std::string more_than_a_share(2000, 'm');
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        pairs[i].peer_sends(i % 2 ? more_than_a_share : std::to_string(i));
        receive(recorders[i], pairs[i]);
    }
    EXPECT_TRUE(queue.is_full());
    complete();
    EXPECT_TRUE(queue.is_empty());
    const std::size_t share = buffer.size() / IoBatch::capacity;
    for (std::size_t i = 0; i < pairs.size(); ++i)
        EXPECT_EQ(recorders[i].received, i % 2 ? more_than_a_share.substr(0, share) : std::to_string(i));
}

TEST_P(Calls, OneThatIsForgottenBeforehandTakesNothing) {
    std::vector<Pair> pairs(4);
    std::vector<Recorder> recorders(4);
    for (std::size_t i = 0; i < 4; ++i) {
        pairs[i].peer_sends("x");
        receive(recorders[i], pairs[i]);
    }
    queue.forget(recorders[1]);
    complete();
    EXPECT_TRUE(recorders[1].results.empty());
    EXPECT_EQ(recorders[3].received, "x");
    char left = 0;
    EXPECT_EQ(::read(pairs[1].ours.get(), &left, 1), 1);
}

TEST_P(Calls, OneThatIsForgottenByAnothersCallerIsNotTold) {
    std::vector<Pair> pairs(4);
    std::vector<Recorder> recorders(4);
    for (std::size_t i = 0; i < 4; ++i) receive(recorders[i], pairs[i]);
    recorders[0].after = [&] { queue.forget(recorders[2]); };
    complete();
    EXPECT_EQ(recorders[1].results.size(), 1U);
    EXPECT_TRUE(recorders[2].results.empty());
    EXPECT_EQ(recorders[3].results.size(), 1U);
}

TEST_P(Calls, WhatAnExceptionLeavesOverIsToldOnceAndNothingIsCarriedOutAgain) {
    std::vector<Pair> pairs(4);
    std::vector<Recorder> recorders(4);
    for (std::size_t i = 0; i < 4; ++i) {
        pairs[i].peer_sends("x");
        receive(recorders[i], pairs[i]);
    }
    recorders[1].after = [] { throw std::runtime_error("a caller"); };
    EXPECT_THROW(complete(), std::runtime_error);
    EXPECT_TRUE(queue.is_full()) << "full until the calls are reported";
    recorders[1].after = nullptr;
    complete();
    for (const Recorder& recorder : recorders) EXPECT_EQ(recorder.results, std::vector<ssize_t>{1});
    EXPECT_FALSE(queue.is_full());
}

std::atomic<int> signals = 0;

TEST_P(Calls, SignalsLoseNone) {
    struct sigaction action{}, before{};
    action.sa_handler = [](int) { ++signals; };  // without SA_RESTART
    ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
    const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 50}, .it_value = {.tv_sec = 0, .tv_usec = 50}};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
    std::vector<Pair> pairs(8);
    std::vector<Recorder> recorders(8);
    for (int rounds = 0; rounds < 200'000 && signals < 100; ++rounds) {
        for (std::size_t i = 0; i < 8; ++i) {
            while (::write(pairs[i].theirs.get(), "x", 1) != 1) ASSERT_EQ(errno, EINTR);
            receive(recorders[i], pairs[i]);
        }
        complete();
    }
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    for (const Recorder& recorder : recorders) {
        EXPECT_EQ(recorder.results.size(), recorder.received.size());
        EXPECT_EQ(recorder.results.size(), recorders[0].results.size());
    }
    EXPECT_GE(signals.exchange(0), 100);
}

INSTANTIATE_TEST_SUITE_P(Net, Calls, every_backend, name_of);

TEST(IoSubmitter, WithoutADescriptorForTheRingItDoesWithoutOne) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const IoSubmitter ring(IoSubmitter::Backend::automatic);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_FALSE(ring.is_batching());
}

TEST(IoSubmitter, CanBeSwitchedOff) {
    ::setenv("PROAPI_IO_URING", "off", 1);
    const IoSubmitter ring(IoSubmitter::Backend::automatic);
    ::unsetenv("PROAPI_IO_URING");
    EXPECT_FALSE(ring.is_batching());
}

}  // namespace
}  // namespace proapi::net
