// Awaitables that are not the library's: what they give, and whose context runs before and after.
#include <gtest/gtest.h>

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

TEST(Foreign, AwaitersOfEveryKind) {
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

TEST(Foreign, EachGoesOnInItsOwnContext) {
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

TEST(Foreign, CancelledComesOutOfTheNextWait) {
    run_in_handler([]() -> Task<> {
        foreign::Event event;
        std::string log;
        const TaskHandle handle = spawn(wait_twice(&event, &log));
        handle.cancel();
        EXPECT_EQ(log, "");
        event.set();
        EXPECT_FALSE(handle.is_done());
        event.set();
        EXPECT_TRUE(handle.is_done());
        EXPECT_EQ(log, "woken woken ");
        co_return;
    });
}

TEST(Foreign, ATaskThatWaitsForOneCanBeTakenAway) {
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
        EXPECT_EQ(test::body_of(test::request(server.port(), "GET", "/")), "started");
    }
    EXPECT_EQ(log, "");
}

}  // namespace
}  // namespace proapi
