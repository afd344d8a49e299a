// Whose coroutine runs, and how one that waits is cancelled. Most of it without a server: the test completes the
// operations.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using detail::Context;
using test::run_in_handler;

// Waits until the test opens it.
class Gate final : public detail::Operation {
public:
    [[nodiscard]] bool await_ready() {
        check_cancelled();
        return false;
    }
    void await_suspend(std::coroutine_handle<> waiting) { suspend(waiting); }
    void await_resume() const { throw_if_cancelled(); }
    void prepare_cancel() noexcept override { ++prepare_calls; }
    [[nodiscard]] bool is_waited_for() const noexcept { return is_waiting(); }

    int prepare_calls = 0;
};

// A task with a context of its own, as a handler is.
class Line final : public detail::TaskOwner {
public:
    explicit Line(Task<> task) : task_(std::move(task)) {}
    void start() { detail::TaskAccess::start(*task_, *this); }
    void take_away() { task_.reset(); }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    [[nodiscard]] std::exception_ptr error() const noexcept { return detail::TaskAccess::error(*task_); }
    std::coroutine_handle<> on_done() noexcept override {
        is_done_ = true;
        return std::noop_coroutine();
    }

private:
    std::optional<Task<>> task_;
    bool is_done_ = false;
};

// Waits at each gate, and tells in `log` how that ended.
Task<> pass(std::vector<Gate*> gates, std::string* log) {
    for (Gate* gate : gates) {
        try {
            co_await *gate;
            *log += "through ";
        } catch (const Cancelled&) {
            *log += "cancelled ";
        }
    }
    *log += "over";
}

Task<> note_contexts(Gate* gate, std::vector<const Context*>* seen) {
    seen->push_back(Context::current());
    co_await *gate;
    seen->push_back(Context::current());
}

TEST(Context, EachGoesOnInItsOwn) {
    std::vector<const Context*> seen;
    Gate gate, other_gate;
    Line line(note_contexts(&gate, &seen)), other(note_contexts(&other_gate, &seen));
    line.start();
    EXPECT_EQ(Context::current(), nullptr);
    other.start();
    other_gate.complete();
    EXPECT_EQ(Context::current(), nullptr);
    gate.complete();
    EXPECT_EQ(Context::current(), nullptr);
    EXPECT_EQ(seen,
              (std::vector<const Context*>{&line.context(), &other.context(), &other.context(), &line.context()}));
    EXPECT_TRUE(line.is_done() && other.is_done());
}

// One task completes what another waits for, and goes on in its own context.
TEST(Context, WhoCompletesAnOperationKeepsItsContext) {
    Gate gate;
    std::vector<const Context*> seen;
    Line waiting(note_contexts(&gate, &seen));
    const auto open = [](Gate* shut, std::vector<const Context*>* contexts) -> Task<> {
        shut->complete();
        contexts->push_back(Context::current());
        co_return;
    };
    Line opening(open(&gate, &seen));
    waiting.start();
    opening.start();
    EXPECT_EQ(seen, (std::vector<const Context*>{&waiting.context(), &waiting.context(), &opening.context()}));
}

TEST(Context, ScopesNest) {
    Context outer, inner;
    EXPECT_EQ(Context::current(), nullptr);
    {
        const Context::Scope scope(&outer);
        EXPECT_EQ(Context::current(), &outer);
        {
            const Context::Scope nested(&inner);
            EXPECT_EQ(Context::current(), &inner);
            const Context::Scope none(nullptr);
            EXPECT_EQ(Context::current(), nullptr);
        }
        EXPECT_EQ(Context::current(), &outer);
    }
    EXPECT_EQ(Context::current(), nullptr);
}

TEST(Context, ACompletionThatNobodyWaitsForDoesNothing) {
    std::string log;
    Gate first, second;
    first.complete();
    Line line(pass({&first, &second}, &log));
    line.start();
    EXPECT_EQ(log, "");
    first.complete();
    first.complete();
    EXPECT_EQ(log, "through ");
    second.complete();
    EXPECT_EQ(log, "through through over");
    second.complete();
}

TEST(Context, ACancellationIsOfOneWait) {
    std::string log;
    Gate first, second;
    Line line(pass({&first, &second}, &log));
    line.start();
    line.context().cancel();
    EXPECT_EQ(log, "cancelled ");
    EXPECT_TRUE(second.is_waited_for());
    first.complete();  // too late
    EXPECT_EQ(log, "cancelled ");
    second.complete();
    EXPECT_EQ(log, "cancelled through over");
}

TEST(Context, ACancellationWhileNothingIsWaitedForIsOfTheNextWait) {
    std::string log;
    Gate first, second;
    Line line(pass({&first, &second}, &log));
    line.context().cancel();
    line.context().cancel();
    line.start();
    EXPECT_EQ(log, "cancelled ");
    EXPECT_FALSE(first.is_waited_for());
    second.complete();
    EXPECT_EQ(log, "cancelled through over");
}

// An operation may be awaited again once it was cancelled.
TEST(Context, AnOperationForgetsThatItWasCancelled) {
    std::string log;
    Gate gate;
    Line line(pass({&gate, &gate}, &log));
    line.start();
    line.context().cancel();
    EXPECT_TRUE(gate.is_waited_for());
    gate.complete();
    EXPECT_EQ(log, "cancelled through over");
}

struct Destroyed {
    explicit Destroyed(bool* flag) : is_destroyed(flag) {}
    Destroyed(const Destroyed&) = delete;
    ~Destroyed() { *is_destroyed = true; }
    bool* is_destroyed;
};

// A wake-up is gone with the wait: it would call an operation that is gone.
TEST(Context, ACancellationTakesTheWakeUpAway) {
    struct Timed final : detail::Operation {
        struct Timer final : detail::WakeUp {
            explicit Timer(bool* flag) : destroyed(flag) {}
            Destroyed destroyed;
        };
        explicit Timed(bool* flag) : is_destroyed(flag) {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) {
            wake_up_ = std::make_unique<Timer>(is_destroyed);
            suspend(waiting);
        }
        void await_resume() const { EXPECT_TRUE(*is_destroyed); }
        bool* is_destroyed;
    };
    bool is_destroyed = false;
    Timed timed(&is_destroyed);
    Line line([](Timed* wait) -> Task<> { co_await *wait; }(&timed));
    line.start();
    EXPECT_FALSE(is_destroyed);
    line.context().cancel();
    EXPECT_TRUE(line.is_done());
}

// The context outlives the coroutine that waited: a cancellation must not reach what was in that.
TEST(Context, AnOperationThatIsDestroyedIsForgotten) {
    const auto wait = []() -> Task<> {
        Gate gate;  // in the coroutine
        co_await gate;
    };
    Line line(wait());
    line.start();
    line.take_away();
    line.context().cancel();
    line.context().prepare_cancel();
    EXPECT_FALSE(line.is_done());
}

TEST(Context, LetGoIsForWhatIsWaitedForNow) {
    std::string log;
    Gate first, second;
    Line line(pass({&first, &second}, &log));
    line.context().prepare_cancel();
    line.start();
    EXPECT_EQ(first.prepare_calls, 0);
    line.context().prepare_cancel();
    EXPECT_EQ(first.prepare_calls, 1);
    EXPECT_EQ(log, "");  // it waits on
    first.complete();
    line.context().prepare_cancel();
    EXPECT_EQ(first.prepare_calls, 1);
    EXPECT_EQ(second.prepare_calls, 1);
    second.complete();
}

TEST(Context, WhatAFollowedOneIsToldOfItsFollowersAreToo) {
    Context outer, middle, inner;
    inner.follow(&middle);
    middle.follow(&outer);
    middle.mark_end_seen();
    EXPECT_TRUE(outer.has_seen_end());
    EXPECT_TRUE(middle.has_seen_end());
    EXPECT_FALSE(inner.has_seen_end());
}

// Its connection's, for a handler and what that waits for; nobody's, for what it has spawned.
TEST(Context, ItsOwnerIsThatOfWhoStartsIt) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        const detail::ConnectionState* owner = Context::current()->owner();
        EXPECT_NE(owner, nullptr);
        const auto find_owner = []() -> Task<const detail::ConnectionState*> { co_return Context::current()->owner(); };
        EXPECT_EQ(std::get<0>(co_await when_all(find_owner())), owner);
        EXPECT_EQ(co_await wait_for(find_owner(), 10s), owner);
        EXPECT_EQ(co_await find_owner(), owner);
        const TaskHandle spawned = spawn([&]() -> Task<> {
            EXPECT_EQ(Context::current()->owner(), nullptr);
            EXPECT_EQ(co_await wait_for(find_owner(), 10s), nullptr);
        });
        while (!spawned.is_done()) co_await sleep(0ms);
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::Client(server.port(), "/").read_close(), 1000);
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(Context::current()->owner(), nullptr);
        co_return;
    });
}

TEST(Sleep, OutsideOfAHandlerIsRefusedAndLeavesNothingBehind) {
    Line line([]() -> Task<> { co_await sleep(1ms); }());
    line.start();
    ASSERT_TRUE(line.is_done());
    EXPECT_EQ(test::error_of([&] { std::rethrow_exception(line.error()); }),
              "sleep() and wait_for() work in handlers and the tasks that they start");
    line.context().cancel();
}

TEST(Sleep, OfNoTimeLetsOthersHaveTheirTurn) {
    run_in_handler([]() -> Task<> {
        std::string order;
        const auto note = [&](char letter) -> Task<> {
            for (int i = 0; i < 3; ++i) {
                order += letter;
                co_await sleep(-1s);
            }
        };
        co_await when_all(note('a'), note('b'));
        EXPECT_EQ(order, "ababab");
    });
}

TEST(Sleep, ANamedOneCanBeAwaitedAgain) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const TaskHandle task = spawn([](std::string* text) -> Task<> {
            auto pause = sleep(1ms);
            try {
                co_await pause;
            } catch (const Cancelled&) {
                *text += "cancelled ";
            }
            co_await pause;
            *text += "slept";
        }(&log));
        task.cancel();
        while (!task.is_done()) co_await sleep(1ms);
        EXPECT_EQ(log, "cancelled slept");
    });
}

// promise: cpp-longest-durations
TEST(Sleep, ASleepOfTheLongestTimeDoesNotEnd) {
    run_in_handler([]() -> Task<> {
        int timeouts = 0;
        for (const auto pause : {std::chrono::hours::max(), std::chrono::hours::max() - 1h}) {
            try {
                co_await wait_for(sleep(pause), 2ms);
            } catch (const TimeoutError&) {
                ++timeouts;
            }
        }
        EXPECT_EQ(timeouts, 2);
    });
}

}  // namespace
}  // namespace proapi
