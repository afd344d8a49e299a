// Awaitables of other libraries: their results, and the context in which the handler runs before and after.
// promise: cpp-foreign-awaitables
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "client.hpp"

namespace foreign {

// An event of somebody else's, who knows nothing of the library.
class Event {
public:
    void set() {
        for (const auto& each : std::exchange(waiting_, {})) each.resume();
    }
    void wait(std::coroutine_handle<> waiting) { waiting_.push_back(waiting); }

private:
    std::vector<std::coroutine_handle<>> waiting_;
};

// By an operator of its own, whose awaiter can't be moved, and that gives a reference.
struct Wait {
    struct Awaiter {
        explicit Awaiter(Event& what) : event(what) {}
        Awaiter(Awaiter&&) = delete;
        Event& event;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) const { event.wait(waiting); }
        Event& await_resume() const noexcept { return event; }
    };
    Event& event;
    Awaiter operator co_await() const { return Awaiter(event); }
};

// By a free operator.
struct Number {
    int value;
};
struct NumberAwaiter {
    std::unique_ptr<int> value;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    std::unique_ptr<int> await_resume() noexcept { return std::move(value); }
};
NumberAwaiter operator co_await(Number number) {
    return {std::make_unique<int>(number.value)};
}

// By itself.
struct Fails {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const { throw std::runtime_error("can't wait"); }
    void await_resume() const noexcept {}
};
struct GoesOn {
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    int await_resume() const { throw std::runtime_error("nothing"); }
};
struct Transfers {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) const noexcept { return waiting; }
    std::string await_resume() const { return "transferred"; }
};

}  // namespace foreign

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;

template <class Awaitable>
Task<std::string> failure_of(Awaitable awaitable) {
    std::string text = "none";
    try {
        static_cast<void>(co_await awaitable);
    } catch (const std::runtime_error& error) {
        text = error.what();
    }
    co_return text;
}

TEST(ExternalOperation, AwaitersOfEveryKind) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(*co_await foreign::Number{5}, 5);
        EXPECT_EQ(*co_await wait_for(foreign::Number{6}, 1s), 6);
        EXPECT_EQ(co_await foreign::Transfers(), "transferred");
        EXPECT_EQ(co_await failure_of(foreign::Fails()), "can't wait");
        EXPECT_EQ(co_await failure_of(foreign::GoesOn()), "nothing");
        co_await std::suspend_never();
    });
}

Task<> wait_twice(foreign::Event* event, std::string* log) {
    const detail::Context* mine = detail::Context::current();
    for (int i = 0; i < 2; ++i) {
        foreign::Event& same = co_await foreign::Wait{*event};
        EXPECT_EQ(&same, event);
        EXPECT_EQ(detail::Context::current(), mine);
        *log += "woken ";
    }
    co_await sleep(1ms);
    EXPECT_EQ(detail::Context::current(), mine);
    *log += "over ";
}

TEST(ExternalOperation, EachGoesOnInItsOwnContext) {
    run_in_handler([]() -> Task<> {
        const detail::Context* mine = detail::Context::current();
        foreign::Event event;
        std::string log;
        const TaskHandle first = spawn(wait_twice(&event, &log)), second = spawn(wait_twice(&event, &log));
        event.set();
        EXPECT_EQ(detail::Context::current(), mine);
        EXPECT_EQ(log, "woken woken ");
        co_await sleep(1ms);
        event.set();
        EXPECT_EQ(detail::Context::current(), mine);
        while (!first.is_done() || !second.is_done()) co_await sleep(1ms);
        EXPECT_EQ(log, "woken woken woken woken over over ");
    });
}

TEST(ExternalOperation, CancelledComesOutOfTheWait) {
    run_in_handler([]() -> Task<> {
        foreign::Event event;
        std::string log;
        const TaskHandle handle = spawn(wait_twice(&event, &log));
        handle.cancel();
        while (!handle.is_done()) co_await sleep(0ms);
        event.set();  // too late
        EXPECT_EQ(log, "");
    });
}

TEST(ExternalOperation, ATaskThatWaitsForOneCanBeTakenAway) {
    foreign::Event event;
    std::string log;
    ProAPI app;
    app.setting("shutdown_timeout", "0.05");
    app.get("/", [&]() -> Task<std::string> {
        spawn(wait_twice(&event, &log));
        co_return "started";
    });
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "started");
    }
    event.set();  // on this thread, when the server has gone
    EXPECT_EQ(log, "");
}

// Resumes what waits on a thread of its own, once it is let go, and writes into itself before.
class Threads {
public:
    ~Threads() { join(); }
    void join() {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }
    void release() { gate_.set_value(); }

    struct Wait {
        Threads& threads;
        std::string value = std::string(100, ' ');
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) {
            threads.threads_.emplace_back([this, waiting, opened = threads.opened_] {
                opened.wait();
                value.assign(100, 'v');
                waiting.resume();
            });
        }
        std::string await_resume() { return std::move(value); }
    };
    Wait operator()() { return Wait{*this}; }

private:
    std::promise<void> gate_;
    std::shared_future<void> opened_ = gate_.get_future().share();
    std::vector<std::thread> threads_;
};

TEST(ExternalOperation, ResumedOnAnotherThreadItGoesOnOnItsOwn) {
    run_in_handler([]() -> Task<> {
        const auto home = std::this_thread::get_id();
        const detail::Context* mine = detail::Context::current();
        for (const bool is_release_first : {true, false}) {
            Threads threads;
            if (is_release_first) threads.release();
            if (!is_release_first)
                spawn(
                    [](Threads* all) -> Task<> {
                        co_await sleep(1ms);
                        all->release();
                    },
                    &threads);
            std::string value = co_await threads();
            EXPECT_EQ(std::this_thread::get_id(), home);
            EXPECT_EQ(detail::Context::current(), mine);
            EXPECT_EQ(value, std::string(100, 'v'));
            co_await sleep(1ms);
        }
    });
}

TEST(ExternalOperation, WaitForTimesOutAndWhatComesLateDoesNoHarm) {
    Threads threads;
    run_in_handler([&]() -> Task<> {
        int timeouts = 0;
        for (int i = 0; i < 3; ++i) {
            try {
                static_cast<void>(co_await wait_for(threads(), 1ms));
            } catch (const TimeoutError&) {
                ++timeouts;
            }
        }
        EXPECT_EQ(timeouts, 3);
        threads.release();
        threads.join();  // they come late, while the server goes on
        co_await sleep(1ms);
    });
}

// It is in the coroutine that waits, which must not go on before the other library is done with it.
TEST(ExternalOperation, WhatCannotBeMovedIsWaitedForBeforeItIsCancelled) {
    struct Fixed : Threads::Wait {
        explicit Fixed(Threads& all) : Threads::Wait{all} {}
        Fixed(const Fixed&) = delete;
    };
    Threads threads;
    run_in_handler([&]() -> Task<> {
        std::string value;
        const auto wait = [](Threads* all, std::string* given) -> Task<> {
            *given = co_await Fixed(*all);
            co_await sleep(1h);
        };
        const TaskHandle task = spawn(wait(&threads, &value));
        task.cancel();
        co_await sleep(1ms);
        EXPECT_FALSE(task.is_done());
        threads.release();
        while (!task.is_done()) co_await sleep(1ms);
        EXPECT_EQ(value, std::string(100, 'v'));
    });
}

TEST(ExternalOperation, WhatComesWhenTheServerHasGoneDoesNoHarm) {
    Threads threads;
    std::promise<void> waits;
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        app.background([&]() -> Task<> {
            waits.set_value();
            static_cast<void>(co_await threads());
        });
        const RunningServer server = app.start({.port = 0});
        waits.get_future().wait();
    }
    threads.release();
}

// Whichever comes first.
TEST(ExternalOperation, ResumedWhileItTimesOut) {
    run_in_handler([]() -> Task<> {
        int in_time = 0, too_late = 0;
        for (int i = 0; i < 200; ++i) {
            Threads threads;
            threads.release();
            try {
                static_cast<void>(co_await wait_for(threads(), std::chrono::milliseconds(i % 2)));
                ++in_time;
            } catch (const TimeoutError&) {
                ++too_late;
            }
            threads.join();
        }
        EXPECT_EQ(in_time + too_late, 200);
    });
}

}  // namespace
}  // namespace proapi
