// The reactor: the order within a turn, functions posted by other threads, timers, and turns driven by another loop.
#include "net/reactor.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace proapi::net {
namespace {

struct Hook final : TurnEndHook {
    explicit Hook(std::function<void()> what) : run(std::move(what)) {}
    void on_turn_end() override { run(); }
    std::function<void()> run;
};

[[nodiscard]] bool is_readable(int fd, int timeout_ms) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, timeout_ms) == 1;
}

TEST(Reactor, RunsPostedFunctionsInOrderOnItsThread) {
    Reactor reactor;
    std::vector<int> seen;
    const auto own = std::this_thread::get_id();
    std::thread other([&] {
        for (int i = 0; i < 100; ++i)
            reactor.post([&, i] {
                EXPECT_EQ(std::this_thread::get_id(), own);
                seen.push_back(i);
                if (i == 99) reactor.stop();
            });
    });
    reactor.run();
    other.join();
    ASSERT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Reactor, AWakeEndsTheWaitUnderWayOrTheNextOne) {
    Reactor reactor;
    reactor.turn(Duration(0));
    EXPECT_FALSE(is_readable(reactor.descriptor(), 0));
    reactor.wake();
    EXPECT_TRUE(is_readable(reactor.descriptor(), 0)) << "a driving loop is woken";
    reactor.turn(std::nullopt);
    EXPECT_FALSE(is_readable(reactor.descriptor(), 0)) << "woken only once";
    std::thread other([&] { reactor.wake(); });
    reactor.turn(std::nullopt);
    other.join();
}

TEST(Reactor, AnExceptionThatLeavesATurnCostsNobodyElseTheirs) {
    Reactor reactor;
    int asked = 0, count = 0;
    reactor.set_outside_work_callback([](void* times) { ++*static_cast<int*>(times); }, &asked);
    Hook fails([] { throw std::bad_alloc(); }), counts([&] { ++count; });
    reactor.at_turn_end(fails);
    reactor.at_turn_end(counts);
    EXPECT_EQ(asked, 1);
    EXPECT_THROW(reactor.turn(Duration(0)), std::bad_alloc);
    EXPECT_TRUE(reactor.has_work());
    reactor.turn(Duration(0));
    EXPECT_EQ(count, 1);
    reactor.at_turn_end(counts);  // called outside of a turn again
    EXPECT_EQ(asked, 2);
}

TEST(Reactor, APostedFunctionThatThrowsCostsNobodyTheirWakeUp) {
    Reactor reactor;
    std::vector<int> seen;
    const auto turn = [&] {
        ASSERT_TRUE(reactor.has_work() || is_readable(reactor.descriptor(), 5000)) << "nothing would wake the loop";
        reactor.turn(Duration(0));
    };
    reactor.post([] { throw std::bad_alloc(); });
    reactor.post([&] {
        seen.push_back(1);
        reactor.post([&] { seen.push_back(3); });
        throw std::bad_alloc();
    });
    reactor.post([&] { seen.push_back(2); });
    EXPECT_THROW(turn(), std::bad_alloc);
    EXPECT_THROW(turn(), std::bad_alloc);
    turn();
    if (seen.size() < 3) turn();
    EXPECT_EQ(seen, (std::vector{1, 2, 3}));
    reactor.post([&] { seen.push_back(4); });
    turn();
    EXPECT_EQ(seen.back(), 4);
}

TEST(Reactor, ATurnInsideOfATurnIsRefused) {
    Reactor reactor;
    bool was_refused = false;
    reactor.post([&] {
        EXPECT_TRUE(reactor.is_in_turn());
        try {
            reactor.turn(Duration(0));
        } catch (const std::logic_error&) {
            was_refused = true;
        }
    });
    reactor.turn(Duration(0));
    EXPECT_TRUE(was_refused);
    EXPECT_FALSE(reactor.is_in_turn());
}

// A child that returns from a callback ends there, whichever part of the turn has called it.
class ReactorFork : public ::testing::TestWithParam<const char*> {};

// promise: forked-child-ends
TEST_P(ReactorFork, AChildThatComesBackIsEnded) {
    Reactor reactor;
    pid_t child = -1;
    bool has_gone_on = false;
    const auto fork_now = [&] { child = ::fork(); };
    const auto go_on = [&] { has_gone_on = true; };
    Hook forking(fork_now), after(go_on);
    base::Timer timer([](void* fork) { (*static_cast<const decltype(fork_now)*>(fork))(); },
                      const_cast<void*>(static_cast<const void*>(&fork_now)));
    const std::string_view part = GetParam();
    if (part == "posted") {
        reactor.post(fork_now);
        reactor.post(go_on);
    } else if (part == "hook") {
        reactor.at_turn_end(forking);
        reactor.at_turn_end(after);
    } else {
        reactor.start_timer(timer, Duration(0));
        reactor.post([&] { reactor.at_turn_end(after); });
    }
    while (child < 0) reactor.turn(Duration(100));
    while (child > 0 && !has_gone_on) reactor.turn(Duration(100));
    if (child == 0) ::_exit(has_gone_on ? 77 : 78);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1) << "status 77 or 78: the child went on";
}

INSTANTIATE_TEST_SUITE_P(Parts, ReactorFork, ::testing::Values("posted", "hook", "timer"),
                         [](const auto& part) { return std::string(part.param); });

TEST(Reactor, HooksRunOncePerTurnAndOnesQueuedByAHookInTheNext) {
    Reactor reactor;
    int count = 0;
    Hook hook([&] {
        if (++count < 3) reactor.at_turn_end(hook);
    });
    reactor.at_turn_end(hook);
    reactor.at_turn_end(hook);
    EXPECT_TRUE(reactor.has_work());
    reactor.finish_turn();
    EXPECT_EQ(count, 1);
    reactor.finish_turn();
    EXPECT_EQ(count, 2);
    reactor.finish_turn();
    EXPECT_EQ(count, 3);
    EXPECT_FALSE(reactor.has_work());
}

TEST(Reactor, AHookThatIsGoneDoesNotRun) {
    Reactor reactor;
    int count = 0;
    {
        Hook hook([&] { ++count; });
        reactor.at_turn_end(hook);
        hook.cancel_turn_end();
    }
    reactor.finish_turn();
    EXPECT_EQ(count, 0);
}

TEST(Reactor, WaitsNoLongerThanTheFirstTimer) {
    Reactor reactor;
    bool fired = false;
    base::Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &fired);
    reactor.start_timer(timer, Duration(5));
    while (!fired) reactor.turn(std::nullopt);
    EXPECT_TRUE(fired);
}

TEST(Reactor, ALoopThatDrivesItSeesTimersThroughTheDescriptor) {
    Reactor reactor;
    bool fired = false;
    base::Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &fired);
    reactor.start_timer(timer, Duration(5));
    reactor.arm_guest_timer();
    while (!fired) {
        ASSERT_TRUE(is_readable(reactor.descriptor(), 5000));
        reactor.turn(Duration(0));
        reactor.arm_guest_timer();
    }
}

TEST(Reactor, TellsADrivingLoopOfWorkQueuedOutsideOfATurn) {
    Reactor reactor;
    int told = 0;
    reactor.set_outside_work_callback([](void* count) { ++*static_cast<int*>(count); }, &told);
    Hook second([] {});
    Hook first([&] { reactor.at_turn_end(second); });
    reactor.at_turn_end(first);
    EXPECT_EQ(told, 1);
    reactor.finish_turn();
    EXPECT_EQ(told, 1) << "a hook queued inside a turn must not wake the loop";
    EXPECT_TRUE(reactor.has_work());
}

TEST(Reactor, ReportsForeignDescriptorsAndForgetsThem) {
    Reactor reactor;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const base::Descriptor reader(ends[0]), writer(ends[1]);
    ASSERT_EQ(reactor.watch_external(reader.get(), EPOLLIN, false), 0);
    reactor.turn(Duration(0));
    EXPECT_TRUE(reactor.foreign_events().empty());
    ASSERT_EQ(::write(writer.get(), "x", 1), 1);
    reactor.turn(Duration(1000));
    ASSERT_EQ(reactor.foreign_events().size(), 1U);
    EXPECT_EQ(reactor.foreign_events()[0].fd, reader.get());
    EXPECT_TRUE(reactor.foreign_events()[0].events & EPOLLIN);
    ASSERT_EQ(reactor.watch_external(reader.get(), 0, true), 0);
    reactor.turn(Duration(0));
    EXPECT_TRUE(reactor.foreign_events().empty());
}

}  // namespace
}  // namespace proapi::net
