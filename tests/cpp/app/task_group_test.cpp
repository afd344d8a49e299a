// TaskGroup: when it ends, what it throws, and that it ends no task half-way.
// promise: cpp-task-group
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "cancelling.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;
using test::turn_until;

// Waits for `gate`, and takes a turn to clean up if it is cancelled. Tells `log` about both.
Task<> tidy(Event gate, std::string name, std::string* log) {
    std::exception_ptr cancelled;
    try {
        co_await gate.wait();
        *log += name + " ";
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    }
    if (!cancelled) co_return;
    co_await sleep(0ms);
    *log += "-" + name + " ";
    std::rethrow_exception(cancelled);
}

Task<> sleep_forever() {
    co_await sleep(1h);
}

Task<> fail_after_a_turn(const char* text) {
    co_await sleep(0ms);
    throw std::runtime_error(text);
}

Task<std::string> error_of(Task<> task) {
    std::string text = "none";
    try {
        co_await std::move(task);
    } catch (const Cancelled&) {
        text = "cancelled";
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

TEST(TaskGroup, EndsWithItsLastTask) {
    run_in_handler([]() -> Task<> {
        const Event gate;
        std::string log;
        const TaskHandle opener = spawn([=]() -> Task<> {
            co_await sleep(1ms);
            gate.set();
        });
        const int result = co_await with_task_group([&](TaskGroup& group) -> Task<int> {
            EXPECT_TRUE(group.spawn(tidy, gate, std::string("a"), &log));
            EXPECT_TRUE(group.spawn([&]() -> Task<> {  // a task of the group spawns another
                group.spawn(tidy(gate, "b", &log));
                co_return;
            }));
            log += "body ";
            co_return 5;
        });
        EXPECT_EQ(result, 5);
        EXPECT_EQ(log, "body a b ");
        co_await opener.join();
    });
}

TEST(TaskGroup, OfNoneIsOver) {
    run_in_handler([]() -> Task<> {
        co_await with_task_group([](TaskGroup&) -> Task<> { co_return; });
        co_await with_task_group([](TaskGroup& group) -> Task<> {
            group.spawn([]() -> Task<> { co_return; });
            co_await sleep(0ms);
        });
    });
}

TEST(TaskGroup, TheFirstFailureCancelsTheOthersAndIsThrown) {
    run_in_handler([]() -> Task<> {
        const Event never;
        std::string log;
        const auto group = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) -> Task<> {
                tasks.spawn(tidy, never, std::string("a"), &log);
                tasks.spawn(fail_after_a_turn("on purpose"));
                tasks.spawn(tidy, never, std::string("b"), &log);
                co_await tidy(never, "body", &log);
            });
        };
        EXPECT_EQ(co_await error_of(group()), "on purpose");
        EXPECT_EQ(log, "-body -a -b ");
    });
}

TEST(TaskGroup, AFailureOfTheBodyDoesTheSame) {
    run_in_handler([]() -> Task<> {
        const Event never;
        std::string log;
        const auto group = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) -> Task<> {
                tasks.spawn(tidy, never, std::string("a"), &log);
                throw std::runtime_error("on purpose");
                co_return;
            });
        };
        EXPECT_EQ(co_await error_of(group()), "on purpose");
        EXPECT_EQ(log, "-a ");
        const auto plain = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) {  // not a coroutine
                tasks.spawn(tidy, never, std::string("b"), &log);
                if (!log.empty()) throw std::runtime_error("before the body begins");
                return sleep_forever();
            });
        };
        EXPECT_EQ(co_await error_of(plain()), "before the body begins");
        EXPECT_EQ(log, "-a -b ");
    });
}

TEST(TaskGroup, AFailureWithinSpawnCancelsTheSpawner) {
    run_in_handler([]() -> Task<> {
        std::string log;
        const auto group = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) -> Task<> {
                EXPECT_TRUE(tasks.spawn([]() -> Task<> {
                    throw std::runtime_error("at once");
                    co_return;
                }));
                EXPECT_TRUE(tasks.is_ending());
                EXPECT_FALSE(tasks.spawn(fail_after_a_turn("never begins")));
                co_await tidy(Event(), "body", &log);
            });
        };
        EXPECT_EQ(co_await error_of(group()), "at once");
        EXPECT_EQ(log, "-body ");
    });
}

TEST(TaskGroup, FurtherFailuresAreLogged) {
    testing::internal::CaptureStderr();
    run_in_handler([]() -> Task<> {
        const auto fails_when_cancelled = []() -> Task<> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
            }
            throw std::runtime_error("the second");
        };
        const auto group = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) -> Task<> {
                tasks.spawn(fails_when_cancelled);
                tasks.spawn(fail_after_a_turn("the first"));
                co_return;
            });
        };
        EXPECT_EQ(co_await error_of(group()), "the first");
        const auto cancelled = [&]() -> Task<> {
            const auto body = [&](TaskGroup&) -> Task<> { co_await fails_when_cancelled(); };
            co_await with_task_group(body);
        };
        const TaskHandle handle = spawn(cancelled);
        handle.cancel();
        co_await turn_until([&] { return handle.is_done(); });
    });
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("another task of a failed group failed: the second"), std::string::npos) << log;
    EXPECT_NE(log.find("a task of a cancelled group failed: the second"), std::string::npos) << log;
}

TEST(TaskGroup, CancelEndsItWithoutAFailure) {
    run_in_handler([]() -> Task<> {
        const Event never;
        std::string log;
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            group.spawn(tidy, never, std::string("a"), &log);
            group.spawn([&]() -> Task<> {
                co_await sleep(0ms);
                group.cancel();
                group.cancel();
                co_await tidy(never, "caller", &log);
            });
            co_await tidy(never, "body", &log);
        });
        EXPECT_EQ(log, "-body -a -caller ");
        const auto without_result = [&]() -> Task<> {
            static_cast<void>(co_await with_task_group([](TaskGroup& group) -> Task<int> {
                group.cancel();
                co_await sleep(1h);
                co_return 1;
            }));
        };
        EXPECT_EQ(co_await error_of(without_result()), "cancelled");
    });
}

// By a task outside, whose call runs what the cancelled tasks do next.
TEST(TaskGroup, ItMayBeCancelledFromOutside) {
    run_in_handler([]() -> Task<> {
        TaskGroup* group = nullptr;
        const TaskHandle runs = spawn([&]() -> Task<> {
            co_await with_task_group([&](TaskGroup& tasks) -> Task<> {
                group = &tasks;
                tasks.spawn(sleep_forever());
                co_await sleep(1h);
            });
        });
        group->cancel();
        EXPECT_TRUE(runs.is_done());
        co_await runs.join();
    });
}

// A task that joins one which was cancelled ends with Cancelled, and the others go on.
TEST(TaskGroup, ATaskThatWasCancelledByItselfHasNotFailed) {
    run_in_handler([]() -> Task<> {
        const TaskHandle other = spawn(sleep_forever());
        const Event gate;
        std::string log;
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            group.spawn([&]() -> Task<> { co_await other.join(); });
            group.spawn(tidy, gate, std::string("a"), &log);
            other.cancel();
            co_await turn_until([&] { return other.is_done(); });
            co_await sleep(1ms);
            gate.set();
        });
        EXPECT_EQ(log, "a ");
        const auto in_the_body = [&]() -> Task<> {
            co_await with_task_group([&](TaskGroup&) -> Task<> { co_await other.join(); });
        };
        EXPECT_EQ(co_await error_of(in_the_body()), "cancelled");
    });
}

TEST(TaskGroup, TimesOutAsAWhole) {
    run_in_handler([]() -> Task<> {
        std::string log;
        bool timed_out = false;
        const auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn(tidy, Event(), std::string("a"), &log);
            co_return;
        };
        try {
            co_await wait_for(with_task_group(body), 1ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(log, "-a ");
    });
}

// A producer and a consumer in a group within a group, cancelled from outside after each turn.
TEST(TaskGroup, CancelledAtEverySuspensionPointAllItsTasksEnd) {
    run_in_handler([]() -> Task<> {
        const auto run = [](int turns) -> Task<bool> {
            int running = 0;
            struct Counted {
                int& count;
                explicit Counted(int& which) : count(which) { ++count; }
                ~Counted() { --count; }
            };
            const TaskHandle task = spawn([&]() -> Task<> {
                const Counted outer(running);
                const Channel<int> channel(1);
                const auto produce = [&]() -> Task<> {
                    const Counted counted(running);
                    for (int i = 0; i < 4; ++i) co_await channel.send(i);
                    channel.close();
                };
                const auto consume = [&]() -> Task<> {
                    const Counted counted(running);
                    while (const auto value = co_await channel.receive()) co_await sleep(0ms);
                };
                const auto inner = [&](TaskGroup& group) -> Task<> {
                    const Counted counted(running);
                    group.spawn(produce);
                    co_await sleep(0ms);
                };
                const auto body = [&](TaskGroup& group) -> Task<> {
                    const Counted counted(running);
                    group.spawn(consume);
                    co_await with_task_group(inner);
                };
                co_await with_task_group(body);
            });
            const bool was_running = co_await test::cancel_after(task, turns);
            EXPECT_EQ(running, 0) << turns;
            co_return was_running;
        };
        EXPECT_GT(co_await test::cancel_after_each_turn(run), 4);
    });
}

// Tasks that end are forgotten at once: a group may serve for days.
TEST(TaskGroup, KeepsNothingOfTasksThatHaveEnded) {
    run_in_handler([]() -> Task<> {
        const auto witness = std::make_shared<int>();
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            for (int i = 0; i < 100; ++i) group.spawn([kept = witness]() -> Task<> { co_await sleep(0ms); });
            EXPECT_GT(witness.use_count(), 100);
            co_await turn_until([&] { return witness.use_count() == 1; });
        });
    });
}

// The stop destroys a group whose tasks ignore their cancellation, the tasks before what they refer to.
TEST(TaskGroup, AStopDestroysWhatIsLeft) {
    ProAPI app;
    app.setting("shutdown_timeout", "0.01");
    std::promise<void> waits;
    std::string order;
    struct Last {
        std::string& log;
        const char* name;
        ~Last() { log += name; }
    };
    app.background([&]() -> Task<> {
        const Last caller{order, "caller "};
        const auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn([&]() -> Task<> {
                const Last task{order, "task "};
                while (true) {
                    try {
                        co_await sleep(1h);
                    } catch (const Cancelled&) {
                    }
                }
            });
            waits.set_value();
            co_return;
        };
        co_await with_task_group(body);
    });
    {
        const RunningServer server = app.start({.port = 0});
        waits.get_future().wait();
    }
    EXPECT_EQ(order, "task caller ");
}

}  // namespace
}  // namespace proapi
