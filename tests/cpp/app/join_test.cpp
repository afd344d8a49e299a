// sleep, wait_for, when_all, when_any: results, timeouts, failures, and what is cancelled.
#include <gtest/gtest.h>

#include <cmath>

#include "cancelling.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;

Task<int> after(std::chrono::milliseconds pause, int number) {
    co_await sleep(pause);
    co_return number;
}
Task<int> now(int number) {
    co_return number;
}
Task<int> fail_after(std::chrono::milliseconds pause) {
    co_await sleep(pause);
    throw std::runtime_error("failed");
}
// Tells in `log` how it ended.
Task<> watched(std::chrono::milliseconds pause, std::string* log) {
    try {
        co_await sleep(pause);
        *log += "done ";
    } catch (const Cancelled&) {
        *log += "cancelled ";
        throw;
    }
}

TEST(WaitFor, GivesTheResultInTime) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(co_await wait_for(after(1ms, 5), 10s), 5);
        EXPECT_EQ(co_await wait_for(now(6), 0s), 6);
    });
}

TEST(WaitFor, CancelsAndThrows) {
    run_in_handler([]() -> Task<> {
        std::string log;
        bool timed_out = false;
        try {
            co_await wait_for(watched(10s, &log), 5ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(log, "cancelled ");
    });
}

TEST(WaitFor, Nested) {
    run_in_handler([]() -> Task<> {
        std::string log;
        int outer = 0, inner = 0;
        auto nested = [](std::string* text, int* count) -> Task<> {
            try {
                co_await wait_for(watched(10s, text), 10s);
            } catch (const TimeoutError&) {
                ++*count;
            }
        };
        try {
            co_await wait_for(nested(&log, &inner), 5ms);
        } catch (const TimeoutError&) {
            ++outer;
        }
        EXPECT_EQ(outer, 1);
        EXPECT_EQ(inner, 0);
        EXPECT_EQ(log, "cancelled ");
    });
}

// promise: cpp-longest-durations
TEST(WaitFor, TheLongestTimeIsNoLimit) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(co_await wait_for(after(1ms, 1), std::chrono::hours::max()), 1);
        EXPECT_EQ(co_await wait_for(after(1ms, 2), std::chrono::seconds::max()), 2);
        EXPECT_EQ(co_await wait_for(after(1ms, 3), std::chrono::milliseconds::max()), 3);
        EXPECT_EQ(co_await wait_for(after(1ms, 4), std::chrono::nanoseconds::max()), 4);
        EXPECT_EQ(co_await wait_for(after(1ms, 5), std::chrono::duration<double>(HUGE_VAL)), 5);
        EXPECT_EQ(co_await wait_for(now(6), std::chrono::hours::min()), 6);
    });
}

TEST(WaitFor, PassesExceptionsOn) {
    EXPECT_THROW(run_in_handler([]() -> Task<> { co_await wait_for(fail_after(1ms), 10s); }), std::runtime_error);
}

TEST(WaitFor, ManyInARow) {
    run_in_handler([]() -> Task<> {
        int timeouts = 0;
        for (int i = 0; i < 200; ++i) {
            try {
                co_await wait_for(sleep(1h), 0ms);
            } catch (const TimeoutError&) {
                ++timeouts;
            }
        }
        EXPECT_EQ(timeouts, 200);
    });
}

TEST(WhenAll, GivesAllResults) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const auto [a, b, c] = co_await when_all(after(5ms, 1), now(2), watched(1ms, &log));
        EXPECT_EQ(a, 1);
        EXPECT_EQ(b, 2);
        EXPECT_EQ(c, std::monostate());
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 20; ++i) tasks.push_back(i % 2 ? now(i) : after(std::chrono::milliseconds(20 - i), i));
        const std::vector<int> results = co_await when_all(std::move(tasks));
        for (int i = 0; i < 20; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
    });
}

TEST(WhenAll, OfNoneIsOver) {
    run_in_handler([]() -> Task<> {
        co_await when_all();
        std::vector<Task<>> none;
        co_await when_all(std::move(none));
    });
}

TEST(WhenAll, AFailureCancelsTheRest) {
    run_in_handler([]() -> Task<> {
        std::string log, text;
        try {
            co_await when_all(watched(10s, &log), fail_after(1ms), watched(10s, &log));
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        EXPECT_EQ(text, "failed");
        EXPECT_EQ(log, "cancelled cancelled ");
    });
}

TEST(WhenAll, IsCancelledAsAWhole) {
    run_in_handler([]() -> Task<> {
        std::string log;
        auto all = [](std::string* text) -> Task<> { co_await when_all(watched(10s, text), watched(10s, text)); };
        bool timed_out = false;
        try {
            co_await wait_for(all(&log), 2ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(log, "cancelled cancelled ");
    });
}

// Takes its time to end once it is cancelled, and tells in `log` whether it was cancelled in that, too.
Task<> cleaning(std::chrono::milliseconds time, std::string* log) {
    std::exception_ptr why;
    try {
        co_await sleep(10s);
    } catch (const Cancelled&) {
        why = std::current_exception();
    }
    try {
        co_await sleep(time);
        *log += "clean ";
    } catch (const Cancelled&) {
        *log += "cancelled twice ";
    }
    std::rethrow_exception(why);
}

TEST(WhenAll, CancelsEachOnce) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const auto all = [](std::string* text) -> Task<> {
            co_await when_all(watched(10s, text), cleaning(1ms, text), cleaning(5ms, text));
        };
        try {
            co_await wait_for(all(&log), 2ms);
        } catch (const TimeoutError&) {
            log += "timeout";
        }
        EXPECT_EQ(log, "cancelled clean clean timeout");
        log.clear();
        try {
            co_await when_all(fail_after(1ms), cleaning(1ms, &log), cleaning(5ms, &log));
        } catch (const std::runtime_error& error) {
            log += error.what();
        }
        EXPECT_EQ(log, "clean clean failed");
    });
}

// By the one that failed, and no more by a time limit around them all.
TEST(WhenAll, ATimeLimitDoesNotCancelAgain) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const auto all = [](std::string* text) -> Task<> { co_await when_all(fail_after(1ms), cleaning(20ms, text)); };
        try {
            co_await wait_for(all(&log), 5ms);
        } catch (const TimeoutError&) {
            log += "timeout";
        }
        EXPECT_EQ(log, "clean timeout");
    });
}

// Those whose children clean up, and so are not cancelled again, are not taken from what they wait for either.
TEST(WaitFor, ACancellationThatReachesNobodyTakesNothingAway) {
    run_in_handler([]() -> Task<> {
        Completion<int> cleaned;
        std::string log;
        const TaskHandle task = spawn([](Completion<int> wanted, std::string* text) -> Task<> {
            const auto clean = [](Completion<int> last, std::string* said) -> Task<> {
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    *said += "cleaning ";
                }
                *said += co_await last == 5 ? "clean" : "wrong";
            };
            try {
                co_await wait_for(clean(wanted, text), 1ms);
            } catch (const TimeoutError&) {
            }
        }(cleaned, &log));
        while (log.empty()) co_await sleep(1ms);
        task.cancel();
        co_await sleep(1ms);
        cleaned.set_value(5);
        while (!task.is_done()) co_await sleep(1ms);
        EXPECT_EQ(log, "cleaning clean");
    });
}

TEST(WhenAny, CancelsEachOnce) {
    run_in_handler([]() -> Task<> {
        std::string log;
        std::vector<Task<>> tasks;
        tasks.push_back(cleaning(1ms, &log));
        tasks.push_back(watched(1ms, &log));
        tasks.push_back(cleaning(5ms, &log));
        EXPECT_EQ((co_await when_any(std::move(tasks))).first, 1U);
        EXPECT_EQ(log, "done clean clean ");
    });
}

// Its time is over while what was cancelled from outside still cleans up.
TEST(WaitFor, CancelsOnceWhatWasCancelledBefore) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const TaskHandle task = spawn([](std::string* text) -> Task<> {
            try {
                co_await wait_for(cleaning(30ms, text), 10ms);
            } catch (const Cancelled&) {
                *text += "cancelled";
            }
        }(&log));
        task.cancel();
        while (!task.is_done()) co_await sleep(1ms);
        EXPECT_EQ(log, "clean cancelled");
    });
}

TEST(WhenAny, GivesTheFirstAndCancelsTheRest) {
    run_in_handler([]() -> Task<> {
        std::vector<Task<int>> tasks;
        tasks.push_back(after(10s, 1));
        tasks.push_back(after(1ms, 2));
        tasks.push_back(after(10s, 3));
        const auto [index, result] = co_await when_any(std::move(tasks));
        EXPECT_EQ(index, 1U);
        EXPECT_EQ(result, 2);
    });
}

// promise: cpp-when-any
TEST(WhenAnyOfDifferentTypes, GivesTheFirstAsTheAlternativeOfItsIndex) {
    run_in_handler([]() -> Task<> {
        const Channel<std::string> channel(1);
        const Event never;
        EXPECT_TRUE(channel.try_send("text"));
        const auto ready = co_await when_any(never.wait(), channel.receive(), after(10s, 1));
        EXPECT_EQ(ready.index(), 1U);
        EXPECT_EQ(std::get<1>(ready), "text");
        const auto number = co_await when_any(sleep(10s), after(1ms, 2), after(10s, 3));
        EXPECT_EQ(number.index(), 1U);
        EXPECT_EQ(std::get<1>(number), 2);
        const auto callable = []() -> Task<int> { co_return 5; };
        const auto nothing = co_await when_any(sleep(0ms), never.wait());
        EXPECT_EQ(nothing.index(), 0U);
        EXPECT_EQ(std::get<0>(co_await when_any(callable, never.wait())), 5);
    });
}

// promise: cpp-when-any
TEST(WhenAnyOfDifferentTypes, OfSeveralThatAreReadyTheFirstIsTakenAndTheOthersDoNotBegin) {
    run_in_handler([]() -> Task<> {
        const Channel<int> first(1), second(1);
        EXPECT_TRUE(first.try_send(1));
        EXPECT_TRUE(second.try_send(2));
        const auto taken = co_await when_any(first.receive(), second.receive());
        EXPECT_EQ(std::get<0>(taken), 1);
        EXPECT_EQ(second.size(), 1U);
    });
}

// promise: cpp-when-any
TEST(WhenAnyOfDifferentTypes, ThrowsTheFailureOfTheFirst) {
    EXPECT_THROW(run_in_handler([]() -> Task<> {
                     std::string log;
                     static_cast<void>(co_await when_any(fail_after(1ms), watched(10s, &log)));
                 }),
                 std::runtime_error);
}

// Two values come in one turn: the one that is not returned stays in its channel.
// promise: cpp-when-any
TEST(WhenAnyOfDifferentTypes, CancelledAtEverySuspensionPointNothingIsLost) {
    run_in_handler([]() -> Task<> {
        const auto run = [](int turns) -> Task<bool> {
            const Channel<int> first(4), second(4);
            int received = 0;
            const TaskHandle task = spawn([&]() -> Task<> {
                for (int i = 0; i < 6; ++i) {
                    const auto value = co_await when_any(first.receive(), second.receive());
                    received += value.index() == 0 ? *std::get<0>(value) : *std::get<1>(value);
                }
            });
            const TaskHandle producer = spawn([&]() -> Task<> {
                for (int i = 0; i < 3; ++i) {
                    EXPECT_TRUE(first.try_send(1));
                    EXPECT_TRUE(second.try_send(100));
                    co_await sleep(0ms);
                }
            });
            const bool was_running = co_await test::cancel_after(task, turns);
            co_await producer.join();
            while (const auto value = first.try_receive()) received += *value;
            while (const auto value = second.try_receive()) received += *value;
            EXPECT_EQ(received, 303) << turns;
            co_return was_running;
        };
        EXPECT_GT(co_await test::cancel_after_each_turn(run), 1);
    });
}

}  // namespace
}  // namespace proapi
