// spawn(): tasks that nobody awaits, how they end, and their handles.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;

// Longer than what a std::string holds without memory of its own.
const std::string long_text(100, 'n');

Task<> spawn_and_fail() {
    throw std::runtime_error("on purpose");
    co_return;
}

TEST(Spawn, RunsBesideItsCaller) {
    run_in_handler([]() -> Task<> {
        std::string order;
        auto work = [](std::string* log) -> Task<> {
            *log += "a";
            co_await sleep(1ms);
            *log += "c";
        };
        const TaskHandle handle = spawn(work(&order));
        order += "b";
        EXPECT_FALSE(handle.is_done());
        while (!handle.is_done()) co_await sleep(1ms);
        EXPECT_EQ(order, "abc");
    });
}

TEST(Spawn, CanBeCancelled) {
    run_in_handler([]() -> Task<> {
        bool cancelled = false;
        auto work = [](bool* flag) -> Task<> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                *flag = true;
                throw;
            }
        };
        const TaskHandle handle = spawn(work(&cancelled));
        handle.cancel();
        handle.cancel();
        EXPECT_FALSE(cancelled);  // nothing of it runs within the call
        while (!handle.is_done()) co_await sleep(0ms);
        EXPECT_TRUE(cancelled);
        handle.cancel();
    });
}

// Jobs that take themselves off a list are cancelled while it is walked.
TEST(Spawn, AListOfThemCanBeCancelled) {
    run_in_handler([]() -> Task<> {
        std::map<int, TaskHandle> jobs;
        struct OffTheList {
            std::map<int, TaskHandle>* all;
            int number;
            ~OffTheList() { all->erase(number); }
        };
        const auto job = [](std::map<int, TaskHandle>* all, int number) -> Task<> {
            const OffTheList off_the_list{all, number};
            co_await sleep(1h);
        };
        for (int i = 0; i < 10; ++i) jobs.emplace(i, spawn(job(&jobs, i)));
        for (const auto& [number, handle] : jobs) handle.cancel();
        while (!jobs.empty()) co_await sleep(0ms);
    });
}

// promise: cpp-callables-are-kept
TEST(Spawn, KeepsWhatALambdaHasCapturedAndItsArguments) {
    run_in_handler([]() -> Task<> {
        std::vector<std::string> seen;
        std::vector<TaskHandle> handles;
        handles.push_back(spawn([&seen, name = long_text]() -> Task<> {
            co_await sleep(1ms);
            seen.push_back(name);
        }));
        handles.push_back(spawn(
            [&seen](const std::string& by_reference, std::string by_value, std::unique_ptr<int> owned) -> Task<> {
                co_await sleep(1ms);
                seen.push_back(by_reference + by_value + std::to_string(*owned));
            },
            long_text, long_text, std::make_unique<int>(5)));
        handles.push_back(spawn([&seen, owned = std::make_unique<std::string>(long_text)]() mutable -> Task<> {
            co_await sleep(1ms);
            seen.push_back(std::move(*owned));
        }));
        const std::string others(500, '#');  // where the closures have lain
        for (const TaskHandle& handle : handles)
            while (!handle.is_done()) co_await sleep(1ms);
        std::sort(seen.begin(), seen.end());
        EXPECT_EQ(seen, (std::vector<std::string>{long_text, long_text, long_text + long_text + "5"}));
    });
}

TEST(Spawn, ACallableThatThrowsIsAFailureOfTheTask) {
    run_in_handler([]() -> Task<> {
        const TaskHandle handle = spawn(
            [](bool fails) {
                if (fails) throw std::runtime_error("on purpose");
                return []() -> Task<> { co_return; }();
            },
            true);
        EXPECT_TRUE(handle.is_done());
        co_return;
    });
}

TEST(Spawn, OutsideOfAHandlerIsRefused) {
    EXPECT_EQ(test::error_of([] { spawn(spawn_and_fail()); }),
              "spawn(): expected to be called in a handler or a task that it started");
}

// promise: cpp-moved-from
TEST(Spawn, AHandleThatWasMovedFromIsRefused) {
    run_in_handler([]() -> Task<> {
        TaskHandle handle = spawn([]() -> Task<> { co_return; }());
        const TaskHandle moved = std::move(handle);
        EXPECT_TRUE(moved.is_done());
        EXPECT_EQ(test::error_of([&] { static_cast<void>(handle.is_done()); }),
                  "TaskHandle::is_done(): expected a TaskHandle, got one that was moved from");
        EXPECT_EQ(test::error_of([&] { handle.cancel(); }),
                  "TaskHandle::cancel(): expected a TaskHandle, got one that was moved from");
        co_return;
    });
}

// promise: cpp-other-thread
TEST(Spawn, AHandleIsRefusedOnAnotherThreadThanItsTasks) {
    std::optional<TaskHandle> kept;
    const std::string elsewhere = "expected to be called on the task's own thread, got another one";
    run_in_handler([&]() -> Task<> {
        const TaskHandle handle = spawn([]() -> Task<> { co_await sleep(1h); }());
        EXPECT_EQ(test::error_on_another_thread([&] { handle.cancel(); }), "TaskHandle::cancel(): " + elsewhere);
        EXPECT_EQ(test::error_on_another_thread([&] { static_cast<void>(handle.is_done()); }),
                  "TaskHandle::is_done(): " + elsewhere);
        EXPECT_FALSE(handle.is_done());
        handle.cancel();
        while (!handle.is_done()) co_await sleep(0ms);
        kept = handle;
    });
    // Its thread has ended.
    EXPECT_EQ(test::error_of([&] { kept->cancel(); }), "TaskHandle::cancel(): " + elsewhere);
}

// What a failure of a spawned task leaves in the log.
std::string log_of(const std::function<Task<>()>& task) {
    testing::internal::CaptureStderr();
    run_in_handler([&]() -> Task<> {
        const TaskHandle handle = spawn(task);
        while (!handle.is_done()) co_await sleep(0ms);
    });
    return testing::internal::GetCapturedStderr();
}

TEST(Spawn, AFailureIsLogged) {
    const std::string log = log_of([]() -> Task<> {
        co_await sleep(0ms);
        co_await spawn_and_fail();
    });
    EXPECT_NE(log.find("a spawned task failed: on purpose"), std::string::npos) << log;
    const std::string odd = log_of([]() -> Task<> {
        throw 5;
        co_return;
    });
    EXPECT_NE(odd.find("a spawned task failed: an exception that is not a std::exception"), std::string::npos) << odd;
}

TEST(Spawn, ItsCancellationAndAConnectionsEndAreNone) {
    EXPECT_EQ(log_of([]() -> Task<> {
                  throw Cancelled();
                  co_return;
              }),
              "");
    EXPECT_EQ(log_of([]() -> Task<> {
                  throw WebSocketDisconnect(1001, "going away");
                  co_return;
              }),
              "");
}

// One that ends while it is started has its handle all the same.
TEST(Spawn, WithinSpawnedOnes) {
    run_in_handler([]() -> Task<> {
        std::string order;
        std::optional<TaskHandle> inner;
        const TaskHandle outer = spawn([&]() -> Task<> {
            inner = spawn([&]() -> Task<> {
                order += "inner begins, ";
                co_await sleep(0ms);
                order += "inner ends";
            });
            order += "outer ends, ";
            co_return;
        });
        EXPECT_TRUE(outer.is_done());
        EXPECT_EQ(order, "inner begins, outer ends, ");
        EXPECT_FALSE(inner->is_done());
        while (!inner->is_done()) co_await sleep(0ms);
        EXPECT_EQ(order, "inner begins, outer ends, inner ends");
    });
}

// The cancellation that was on its way reaches nobody.
TEST(Spawn, CancelledInItsLastTurnItEndsAsItWould) {
    run_in_handler([]() -> Task<> {
        const Completion<> gate;
        bool is_over = false;
        const TaskHandle handle = spawn([&, gate]() -> Task<> {
            co_await gate;
            is_over = true;
        });
        gate.set_value();  // its turn is before that of the cancellation
        handle.cancel();
        EXPECT_FALSE(is_over);
        while (!handle.is_done()) co_await sleep(0ms);
        EXPECT_TRUE(is_over);
        handle.cancel();
        EXPECT_TRUE(handle.is_done());
    });
}

// Each cancel() is one cancellation, unless one is on its way.
TEST(Spawn, ATaskThatGoesOnCanBeCancelledAgain) {
    run_in_handler([]() -> Task<> {
        int cancelled = 0;
        bool is_over = false;
        const TaskHandle handle = spawn([&]() -> Task<> {
            while (!is_over) {
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    ++cancelled;
                }
            }
        });
        for (int i = 1; i <= 3; ++i) {
            is_over = i == 3;
            handle.cancel();
            handle.cancel();
            EXPECT_EQ(cancelled, i - 1);
            while (cancelled < i) co_await sleep(0ms);
            co_await sleep(0ms);
            EXPECT_EQ(cancelled, i);
        }
        EXPECT_TRUE(handle.is_done());
    });
}

Task<std::string> outcome_of(TaskHandle handle) {
    std::string text = "ended";
    try {
        co_await handle.join();
    } catch (const Cancelled&) {
        text = "cancelled";
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

// promise: cpp-join
TEST(Join, ThrowsWhatLeftTheTask) {
    run_in_handler([]() -> Task<> {
        const TaskHandle ends = spawn([]() -> Task<> { co_await sleep(0ms); });
        EXPECT_EQ(co_await outcome_of(ends), "ended");
        EXPECT_TRUE(ends.is_done());
        EXPECT_EQ(co_await outcome_of(ends), "ended") << "also after the end";
        const TaskHandle fails = spawn([]() -> Task<> {
            co_await sleep(0ms);
            throw std::runtime_error("on purpose");
        });
        const TaskHandle second = spawn([=]() -> Task<> { EXPECT_EQ(co_await outcome_of(fails), "on purpose"); });
        EXPECT_EQ(co_await outcome_of(fails), "on purpose");
        EXPECT_EQ(co_await outcome_of(second), "ended");
        const TaskHandle waits = spawn([]() -> Task<> { co_await sleep(1h); });
        waits.cancel();
        EXPECT_EQ(co_await outcome_of(waits), "cancelled");
    });
}

// promise: cpp-join
TEST(Join, ReturnsTheResultOnce) {
    run_in_handler([]() -> Task<> {
        const auto handle = spawn(
            [](int number) -> Task<std::unique_ptr<int>> {
                co_await sleep(0ms);
                co_return std::make_unique<int>(number);
            },
            7);
        const std::unique_ptr<int> number = co_await handle.join();
        EXPECT_EQ(*number, 7);
        std::string text;
        try {
            static_cast<void>(co_await handle.join());
        } catch (const std::logic_error& error) {
            text = error.what();
        }
        EXPECT_EQ(text, "ResultHandle::join(): expected the first join of the result, got another");
        co_await static_cast<const TaskHandle&>(handle).join();
        const auto given = []() -> Task<int> { co_return 5; };
        EXPECT_EQ(co_await spawn(given()).join(), 5) << "of one that ended at once";
    });
}

// promise: cpp-join
TEST(Join, OneThatIsCancelledLeavesTheTaskRunning) {
    run_in_handler([]() -> Task<> {
        const Event gate;
        const TaskHandle task = spawn([=]() -> Task<> { co_await gate.wait(); });
        const TaskHandle joins = spawn([=]() -> Task<> { co_await task.join(); });
        joins.cancel();
        EXPECT_EQ(co_await outcome_of(joins), "cancelled");
        bool timed_out = false;
        try {
            co_await wait_for(task.join(), 1ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_FALSE(task.is_done());
        gate.set();
        EXPECT_EQ(co_await outcome_of(task), "ended");
    });
}

// promise: cpp-join
TEST(Join, AFailureIsReportedOnceWhoeverIsCancelled) {
    EXPECT_EQ(log_of([]() -> Task<> {
                  const TaskHandle fails = spawn([]() -> Task<> {
                      co_await sleep(0ms);
                      throw std::runtime_error("on purpose");
                  });
                  EXPECT_EQ(co_await outcome_of(fails), "on purpose");
              }),
              "");
    testing::internal::CaptureStderr();
    run_in_handler([]() -> Task<> {
        std::optional<TaskHandle> joins;
        {
            const Event gate;
            const TaskHandle fails = spawn([&joins, gate]() -> Task<> {
                co_await gate.wait();
                joins->cancel();  // comes before the join continues
                throw std::runtime_error("on purpose");
            });
            joins = spawn([=]() -> Task<> { co_await fails.join(); });
            gate.set();
            while (!fails.is_done()) co_await sleep(0ms);
        }
        EXPECT_EQ(co_await outcome_of(*joins), "cancelled");
    });
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("a spawned task failed: on purpose"), std::string::npos) << log;
}

// promise: cpp-join
TEST(Join, RefusesWhatCantWork) {
    run_in_handler([]() -> Task<> {
        std::optional<TaskHandle> itself;
        std::string text;
        itself = spawn([&]() -> Task<> {
            co_await sleep(0ms);
            text = co_await outcome_of(*itself);
        });
        EXPECT_EQ(co_await outcome_of(*itself), "ended");
        EXPECT_EQ(text, "TaskHandle::join(): expected another task, got the one that joins");
        TaskHandle handle = *itself;
        const TaskHandle moved = std::move(handle);
        EXPECT_EQ(test::error_of([&] { static_cast<void>(handle.join()); }),
                  "TaskHandle::join(): expected a TaskHandle, got one that was moved from");
        run_in_handler([&]() -> Task<> {
            EXPECT_EQ(co_await outcome_of(moved),
                      "TaskHandle::join(): expected to be awaited on the task's own thread, got another one");
        });
    });
}

}  // namespace
}  // namespace proapi
