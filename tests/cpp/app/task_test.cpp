// Task: when it runs, its results, how exceptions propagate, how long values live.
#include <gtest/gtest.h>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;

Task<int> value(int number) {
    co_return number;
}
Task<int> late_value(int number) {
    co_await sleep(1ms);
    co_return number;
}
Task<> fail() {
    throw std::runtime_error("failed");
    co_return;
}

Task<> keep_waiting() {
    co_await sleep(1h);
}

TEST(Task, GivesItsValueAtOnceOrLater) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(co_await value(1), 1);
        EXPECT_EQ(co_await late_value(2), 2);
    });
}

TEST(Task, RunsOnlyOnceAwaited) {
    run_in_handler([]() -> Task<> {
        bool ran = false;
        auto make = [](bool* flag) -> Task<> {
            *flag = true;
            co_return;
        };
        Task<> task = make(&ran);
        EXPECT_FALSE(ran);
        co_await std::move(task);
        EXPECT_TRUE(ran);
    });
}

TEST(Task, ThrowsWhatLeftIt) {
    EXPECT_THROW(run_in_handler(fail), std::runtime_error);
    run_in_handler([]() -> Task<> {
        bool caught = false;
        try {
            co_await fail();
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(Task, MoveOnlyValues) {
    run_in_handler([]() -> Task<> {
        auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
        const std::unique_ptr<int> number = co_await make();
        EXPECT_EQ(*number, 7);
    });
}

template <class Act>
Task<std::string> refusal_of(Act act) {
    std::string text = "nothing was refused";
    try {
        co_await act();
    } catch (const std::logic_error& error) {
        text = error.what();
    }
    co_return text;
}

// promise: cpp-task-runs-once
TEST(Task, RunsOnlyOnce) {
    run_in_handler([]() -> Task<> {
        const std::string has_run = "expected a task that has not run, got one that was awaited or spawned already";
        const std::string moved = "expected a task, got one that was moved from";
        Task<int> task = value(1);
        EXPECT_EQ(co_await std::move(task), 1);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await std::move(task); }), has_run);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await wait_for(std::move(task), 1s); }), has_run);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await std::move(task); }), moved);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await when_all(std::move(task)); }), moved);
        Task<> waits = keep_waiting();
        const auto await = [](Task<>* which) -> Task<> { co_await std::move(*which); };
        const TaskHandle first = spawn(await(&waits));
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await std::move(waits); }), has_run);
        first.cancel();
        while (!first.is_done()) co_await sleep(0ms);
        Task<> spawned = fail();
        const Task<> other = std::move(spawned);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> {
                      spawn(std::move(spawned));
                      co_return;
                  }),
                  moved);
        Task<int> assigned = value(1), given = value(2);
        assigned = std::move(given);
        EXPECT_EQ(co_await refusal_of([&]() -> Task<> { co_await std::move(given); }), moved);
        EXPECT_EQ(co_await std::move(assigned), 2);
    });
}

// promise: cpp-task-runs-once
TEST(Task, AHandlerWhoseTaskWasUsedUpFails) {
    ProAPI app;
    const auto give_away = [](Task<>) {};
    app.websocket("/", [&](WebSocketConnection) {
        Task<> task = keep_waiting();
        give_away(std::move(task));
        return task;
    });
    app.get("/", [&] {
        Task<> task = keep_waiting();
        give_away(std::move(task));
        return task;
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::Client(server.port(), "/").status(), 500);
    EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/")), 500);
}

Task<std::pair<int, std::string>> a_pair() {
    co_return {1, "one"};
}
Task<std::vector<int>> numbers(bool some) {
    if (some) co_return {1, 2, 3};
    co_return {};
}

TEST(Task, GivesListsInBraces) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ((co_await a_pair()).second, "one");
        EXPECT_EQ((co_await numbers(true)).size(), 3U);
        EXPECT_TRUE((co_await numbers(false)).empty());
    });
}

TEST(Task, ManyInALoopDoNotGrowTheStack) {
    run_in_handler([]() -> Task<> {
        long sum = 0;
        for (int i = 0; i < 200'000; ++i) sum += co_await value(1);
        EXPECT_EQ(sum, 200'000);
    });
}

TEST(Task, ALoopThatIsResumedDoesNotGrowTheStack) {
    run_in_handler([]() -> Task<> {
        long sum = 0;
        for (int i = 0; i < 50; ++i) {
            sum += co_await late_value(1);
            for (int k = 0; k < 2000; ++k) sum += co_await value(1);
        }
        EXPECT_EQ(sum, 50 + 50 * 2000);
    });
}

struct Counter {
    int* alive;
    explicit Counter(int* count) : alive(count) { ++*alive; }
    Counter(const Counter& other) : alive(other.alive) { ++*alive; }
    Counter& operator=(const Counter&) = delete;
    ~Counter() { --*alive; }
};

Task<> keep(Counter, std::string) {
    co_await sleep(1ms);
}

TEST(Task, ParametersAndTemporariesAreDestroyedOnce) {
    int alive = 0;
    run_in_handler([&alive]() -> Task<> {
        co_await keep(Counter(&alive), std::string(100, 'x'));
        EXPECT_EQ(alive, 0);
        {
            const Task<> never_awaited = keep(Counter(&alive), "x");
        }
        EXPECT_EQ(alive, 0);
    });
}

struct Counted {
    static inline int alive = 0;
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --alive; }
};
struct Two {
    Counted one, other;
};
Task<> take(Two) {
    co_await sleep(1ms);
}
Task<> take(Counted) {
    co_await sleep(1ms);
}

// What docs/compilers.md says to write, for g++ 12.
TEST(Task, WhatIsWrittenForEveryCompilerIsDestroyedOnce) {
    run_in_handler([]() -> Task<> {
        const Counted kept;
        for (const bool is_first : {true, false}) {
            const Two two{.one = kept, .other = kept};
            co_await take(two);
            Counted chosen = kept;
            if (!is_first) chosen = Counted();
            co_await take(chosen);
            const auto lambda = [kept]() -> Task<> { co_await sleep(1ms); };
            co_await lambda();
            co_await wait_for(lambda, 1s);
            co_await when_all(lambda, lambda);
            spawn([kept]() -> Task<> { co_await sleep(1ms); });
        }
        while (Counted::alive > 1) co_await sleep(1ms);
    });
    EXPECT_EQ(Counted::alive, 0);
}

// Longer than what a std::string holds without memory of its own.
const std::string long_name(100, 'n');

// promise: cpp-callables-are-kept
TEST(MakeTask, KeepsWhatALambdaHasCaptured) {
    run_in_handler([]() -> Task<> {
        std::vector<Task<std::string>> tasks;
        std::vector<std::function<Task<std::string>()>> functions;
        for (int i = 0; i < 3; ++i) {
            auto function = [i, name = long_name]() -> Task<std::string> {
                co_await sleep(1ms);
                co_return name + std::to_string(i);
            };
            tasks.push_back(make_task(function));
            functions.emplace_back(function);
        }
        const std::vector<std::string> expected{long_name + "0", long_name + "1", long_name + "2"};
        EXPECT_EQ(co_await when_all(std::move(tasks)), expected);
        EXPECT_EQ(co_await when_all(functions), expected);
        const auto [index, first] = co_await when_any(functions);
        EXPECT_EQ(first, expected[index]);
        auto limited = wait_for(functions[1], 10s);
        auto both = when_all(functions[2], make_task(functions[0]));
        functions.clear();
        EXPECT_EQ(co_await std::move(limited), expected[1]);
        EXPECT_EQ(std::get<0>(co_await std::move(both)), expected[2]);
    });
}

}  // namespace
}  // namespace proapi
