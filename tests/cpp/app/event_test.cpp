// Event: who is woken, when, and who is not.
// promise: cpp-event
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "cancelling.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;
using test::turn_until;

// Adds `name` to `log` once the event is set, or "-name" if the wait is cancelled.
Task<> note(Event event, std::string name, std::string* log) {
    try {
        co_await event.wait();
        *log += name;
    } catch (const Cancelled&) {
        *log += "-" + name;
        throw;
    }
}

TEST(Event, WakesAllThatWaitInTheirOrder) {
    run_in_handler([]() -> Task<> {
        const Event event;
        std::string log;
        for (const char* name : {"a", "b", "c"}) spawn(note, event, std::string(name), &log);
        EXPECT_FALSE(event.is_set());
        event.set();
        EXPECT_EQ(log, "") << "nothing of them runs within the call";
        EXPECT_TRUE(event.is_set());
        co_await note(event, "now", &log);  // does not wait
        EXPECT_EQ(log, "now");
        co_await turn_until([&] { return log.size() == 6; });
        EXPECT_EQ(log, "nowabc");
    });
}

TEST(Event, ThoseThatWereWokenContinueEvenIfItIsClearedFirst) {
    run_in_handler([]() -> Task<> {
        const Event event;
        std::string log;
        const TaskHandle woken = spawn(note, event, std::string("woken"), &log);
        event.set();
        event.clear();
        const TaskHandle late = spawn(note, event, std::string("late"), &log);
        co_await turn_until([&] { return woken.is_done(); });
        for (int i = 0; i < 3; ++i) co_await sleep(0ms);
        EXPECT_EQ(log, "woken");
        EXPECT_FALSE(late.is_done());
        event.set();
        co_await turn_until([&] { return late.is_done(); });
        EXPECT_EQ(log, "wokenlate");
    });
}

TEST(Event, AWaitTimesOutAndCanBeRepeated) {
    run_in_handler([]() -> Task<> {
        const Event event;
        bool timed_out = false;
        try {
            co_await wait_for(event.wait(), 1ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        event.set();
        co_await wait_for(event.wait(), 0ms);
    });
}

TEST(Event, AWaitThatIsCancelledLeavesNoTrace) {
    run_in_handler([]() -> Task<> {
        const Event event;
        std::string log;
        const TaskHandle first = spawn(note, event, std::string("a"), &log);
        const TaskHandle second = spawn(note, event, std::string("b"), &log);
        const TaskHandle third = spawn(note, event, std::string("c"), &log);
        second.cancel();
        co_await turn_until([&] { return second.is_done(); });
        event.set();
        third.cancel();  // it was woken, and the cancellation comes first
        co_await turn_until([&] { return first.is_done() && third.is_done(); });
        EXPECT_EQ(log, "-b-ca");
    });
}

// Waits for two events in a row, and is cancelled after each turn.
TEST(Event, CancelledAtEverySuspensionPoint) {
    run_in_handler([]() -> Task<> {
        const auto run = [](int turns) -> Task<bool> {
            const Event first, second;
            std::string log;
            const TaskHandle other = spawn(note, second, std::string("other"), &log);
            const TaskHandle task = spawn([=, text = &log]() -> Task<> {
                co_await note(first, "1", text);
                co_await note(second, "2", text);
            });
            const TaskHandle setter = spawn([=]() -> Task<> {
                for (int i = 0; i < 2; ++i) co_await sleep(0ms);
                first.set();
                for (int i = 0; i < 2; ++i) co_await sleep(0ms);
                second.set();
            });
            const bool was_running = co_await test::cancel_after(task, turns);
            co_await turn_until([&] { return setter.is_done() && other.is_done(); });
            EXPECT_NE(log.find("other"), std::string::npos) << turns;
            EXPECT_EQ(log.find("-other"), std::string::npos) << turns;
            co_return was_running;
        };
        EXPECT_GT(co_await test::cancel_after_each_turn(run), 2);
    });
}

// A task that destroys another's coroutine while both are woken.
TEST(Event, AWokenTaskThatIsDestroyedFirstIsNotResumed) {
    std::optional<Event> event(std::in_place);
    const auto destroyed = std::make_shared<int>();
    ProAPI app;
    std::promise<void> waits;
    app.background([&, destroyed]() -> Task<> {
        waits.set_value();
        const auto kept = destroyed;
        const Event never = *event;
        while (true) {
            try {
                co_await never.wait();
            } catch (const Cancelled&) {  // ignored, so that the stop destroys this coroutine
            }
        }
    });
    app.setting("shutdown_timeout", "0.01");
    {
        const RunningServer server = app.start({.port = 0});
        waits.get_future().wait();
    }
    EXPECT_EQ(destroyed.use_count(), 2) << "the test's and the closure's";
    event->set();  // its worker has ended, and nobody waits
    EXPECT_TRUE(event->is_set());
}

// promise: cpp-other-thread
TEST(Event, IsRefusedOnAnotherThread) {
    const std::string elsewhere =
        ": expected the thread of the worker that uses it, got another one: tasks of several threads share a "
        "Completion instead";
    Event event;
    event.set();  // not yet anybody's
    run_in_handler([&]() -> Task<> {
        co_await event.wait();
        EXPECT_EQ(test::error_on_another_thread([&] { event.clear(); }), "Event::clear()" + elsewhere);
        EXPECT_EQ(test::error_on_another_thread([&] { event.set(); }), "Event::set()" + elsewhere);
        EXPECT_EQ(test::error_on_another_thread([&] { static_cast<void>(event.is_set()); }),
                  "Event::is_set()" + elsewhere);
        run_in_handler([&]() -> Task<> {  // another server's worker
            std::string text;
            try {
                co_await event.wait();
            } catch (const std::logic_error& error) {
                text = error.what();
            }
            EXPECT_EQ(text, "Event::wait()" + elsewhere);
        });
    });
    event.clear();  // its worker has ended
    run_in_handler([&]() -> Task<> {
        EXPECT_FALSE(event.is_set());
        co_return;
    });
}

// promise: cpp-moved-from
TEST(Event, OneThatWasMovedFromIsRefused) {
    Event event;
    const Event moved = std::move(event);
    EXPECT_EQ(test::error_of([&] { event.set(); }), "Event::set(): expected an Event, got one that was moved from");
    EXPECT_EQ(test::error_of([&] { static_cast<void>(event.wait()); }),
              "Event::wait(): expected an Event, got one that was moved from");
}

}  // namespace
}  // namespace proapi
