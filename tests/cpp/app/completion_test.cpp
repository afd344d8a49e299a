// Completion: set from any thread, in time, too late, twice, or never.
// promise: cpp-completion
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;

// Another library: calls back on a thread of its own, once it is let go.
class Library {
public:
    ~Library() {
        for (std::thread& thread : threads_) thread.join();
    }
    void call(std::function<void()> callback) {
        threads_.emplace_back([this, callback = std::move(callback)] {
            opened_.wait();
            callback();
        });
    }
    void release() { gate_.set_value(); }

private:
    std::promise<void> gate_;
    std::shared_future<void> opened_ = gate_.get_future().share();
    std::vector<std::thread> threads_;
};

TEST(Completion, GoesOnOnItsOwnThread) {
    run_in_handler([]() -> Task<> {
        const auto home = std::this_thread::get_id();
        Library library;
        const Completion<std::string> answer;
        library.call([answer] { EXPECT_TRUE(answer.set_value("from another thread")); });
        library.release();
        EXPECT_EQ(co_await answer, "from another thread");
        EXPECT_EQ(std::this_thread::get_id(), home);
        const Completion<> done;
        std::thread([done] { done.set_value(); }).join();  // before it is awaited
        co_await done;
        const Completion<std::unique_ptr<int>> moved;
        moved.set_value(std::make_unique<int>(5));  // on the same thread
        EXPECT_EQ(*co_await moved, 5);
    });
}

TEST(Completion, ThrowsWhatWasSet) {
    run_in_handler([]() -> Task<> {
        Library library;
        const Completion<int> answer;
        library.call([answer] { answer.set_exception(std::make_exception_ptr(std::out_of_range("no such key"))); });
        library.release();
        std::string text;
        try {
            static_cast<void>(co_await answer);
        } catch (const std::out_of_range& error) {
            text = error.what();
        }
        EXPECT_EQ(text, "no such key");
    });
}

TEST(Completion, ANullPointerIsNoException) {
    run_in_handler([]() -> Task<> {
        const Completion<std::string> answer;
        EXPECT_THROW(answer.set_exception(nullptr), std::invalid_argument);
        EXPECT_TRUE(answer.set_value("not set by that"));
        EXPECT_EQ(co_await answer, "not set by that");
    });
}

TEST(Completion, IsSetOnce) {
    run_in_handler([]() -> Task<> {
        const Completion<int> answer;
        std::atomic<int> first = 0;
        {
            std::vector<std::jthread> threads;
            for (int i = 1; i <= 4; ++i)
                threads.emplace_back([&, i] {
                    if (answer.set_value(i)) first += i;
                });
        }
        EXPECT_FALSE(answer.set_exception(std::make_exception_ptr(std::runtime_error("too late"))));
        EXPECT_EQ(co_await answer, first);
    });
}

TEST(Completion, TimesOutAndCanBeAwaitedAgain) {
    run_in_handler([]() -> Task<> {
        Library library;
        const Completion<int> answer;
        library.call([answer] { answer.set_value(7); });
        bool timed_out = false;
        try {
            static_cast<void>(co_await wait_for(answer, 1ms));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        library.release();
        EXPECT_EQ(co_await wait_for(answer, 10s), 7);
    });
}

TEST(Completion, WhatComesLateDoesNoHarm) {
    Library library;  // outlives the server
    std::promise<void> late;
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        app.get("/times-out", [&]() -> Task<std::string> {
            const Completion<std::string> answer;
            library.call([answer] { answer.set_value(std::string(1000, 'x')); });
            std::string outcome = "in time";
            try {
                outcome = co_await wait_for(answer, 1ms);
            } catch (const TimeoutError&) {
                outcome = "too late";
            }
            co_return outcome;
        });
        app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
            co_await websocket.accept();
            const Completion<> never;
            library.call([never] { never.set_value(); });
            co_await websocket.send_text("waiting");
            while (true) {
                try {
                    co_await never;
                } catch (const Cancelled&) {
                }
            }
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/times-out")), "too late");
        test::Client client(server.port(), "/");
        EXPECT_EQ(client.read_text(), "waiting");
    }
    library.release();
}

TEST(Completion, SetWhileItIsCancelled) {
    run_in_handler([]() -> Task<> {
        for (int i = 0; i < 200; ++i) {
            const Completion<int> answer;
            std::thread setter([answer] { answer.set_value(1); });
            int got = 0;
            try {
                got = co_await wait_for(answer, 0ms);
            } catch (const TimeoutError&) {
            }
            if (got == 0) got = co_await answer;
            EXPECT_EQ(got, 1);
            setter.join();
        }
    });
}

std::string refusal_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::logic_error& refusal) {
        return refusal.what();
    }
}

Task<std::string> failure_of(Completion<int> completion) {
    std::string text = "none";
    try {
        static_cast<void>(co_await completion);
    } catch (...) {
        text = refusal_of(std::current_exception());
    }
    co_return text;
}

TEST(Completion, RefusesWhatCantWork) {
    EXPECT_THROW(Completion<int>(), std::logic_error);
    run_in_handler([]() -> Task<> {
        Completion<int> once;
        once.set_value(1);
        EXPECT_EQ(co_await once, 1);
        EXPECT_EQ(co_await failure_of(once),
                  "co_await of a Completion: expected the first await of its result, got another");
        Completion<int> shared;
        const TaskHandle waiting =
            spawn([](Completion<int> same) -> Task<> { static_cast<void>(co_await same); }, shared);
        EXPECT_EQ(co_await failure_of(shared), "co_await of a Completion: another task is waiting for it already");
        shared.set_value(1);
        EXPECT_FALSE(waiting.is_done());  // soon, not now
        while (!waiting.is_done()) co_await sleep(1ms);
        const Completion<int> moved = std::move(shared);
        EXPECT_THROW(shared.set_value(1), std::logic_error);
        EXPECT_THROW(static_cast<void>(shared.operator co_await()), std::logic_error);
        EXPECT_THROW(shared.set_exception(nullptr), std::logic_error);
    });
}

// Set after the check whether it is set, and before the waiting task has been registered.
TEST(Completion, SetJustBeforeItIsWaitedForItIsNotWaitedFor) {
    run_in_handler([]() -> Task<> {
        const Completion<int> answer;
        auto waiting = answer.operator co_await();
        EXPECT_FALSE(waiting.await_ready());
        EXPECT_TRUE(answer.set_value(5));
        EXPECT_FALSE(waiting.await_suspend(std::noop_coroutine()));
        EXPECT_EQ(waiting.await_resume(), 5);
        co_return;
    });
}

}  // namespace
}  // namespace proapi
