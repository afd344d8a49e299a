// Handlers that are no coroutines: each call runs in a thread of the pool, while the loop goes on.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get_body;
using test::request;
using test::run_in_handler;

// Otherwise it would wait in its thread for the next call, with the sockets of the server.
// promise: forked-child-ends
TEST(ThreadCall, AChildThatABlockingHandlerForkedEndsWhenItComesBack) {
    ProAPI app;
    app.get("/{how}", [](const std::string& how) -> std::string {
        const pid_t child = ::fork();
        if (child == 0) {
            if (how == "throw") throw HTTPException(404, "no such child");
            return "the child answers";
        }
        int status = 0;
        if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return "not ended";
        return "ended with " + std::to_string(WEXITSTATUS(status));
    });
    const RunningServer server = app.start({.port = 0});
    for (const char* const how : {"/return", "/throw"})
        EXPECT_EQ(get_body(request(server.port(), "GET", how)), "ended with 1") << how;
}

// One that blocks keeps neither the loop nor another one waiting.
// promise: kinds-of-responses
TEST(ThreadCall, HandlersThatAreNoCoroutinesMayBlock) {
    ProAPI app;
    std::promise<void> gate;
    auto opened = gate.get_future().share();
    app.get("/wait", [opened] {
        opened.wait();
        return "waited";
    });
    app.get("/open", [&gate] {
        gate.set_value();
        return "opened";
    });
    app.get("/thread", [] { return std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id())); });
    app.get("/reactor", []() -> Task<std::string> {
        co_return std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id()));
    });
    const RunningServer server = app.start({.port = 0});
    Client waiting(server.port());
    waiting.write("GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_NE(get_body(request(server.port(), "GET", "/thread")), get_body(request(server.port(), "GET", "/reactor")));
    EXPECT_EQ(get_body(request(server.port(), "GET", "/open")), "opened");
    EXPECT_EQ(get_body(waiting.read_response()), "waited");
}

// promise: stop-is-bounded
TEST(ThreadCall, DoesNotWaitForABlockingHandlerForEver) {
    auto gate = std::make_shared<std::promise<void>>();
    auto opened = gate->get_future().share();
    std::promise<void> begun;
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        app.get("/", [&begun, opened] {
            begun.set_value();
            opened.wait();
            return "too late";
        });
        RunningServer server = app.start({.port = 0});
        Client client(server.port());
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        begun.get_future().wait();
        server.stop();
        server.wait();
        EXPECT_EQ(test::status_of(client.read_response()), 503);
    }
    gate->set_value();  // it ends by itself, with nobody left to tell
}

// promise: cpp-spawned-tasks-at-the-stop
TEST(ThreadCall, ABlockingHandlerThatWaitsForAThreadNeverBegins) {
    constexpr std::size_t clients = 40;  // more than the pool has threads
    std::promise<void> gate;
    const auto begun = std::make_shared<std::atomic<std::size_t>>(0);
    std::size_t begun_before = 0;
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        app.get("/", [begun, opened = gate.get_future().share()] {
            ++*begun;
            opened.wait();
            return "too late";
        });
        app.get("/ready", []() -> Task<std::string> { co_return "yes"; });
        RunningServer server = app.start({.port = 0});
        std::vector<std::unique_ptr<Client>> waiting;
        for (std::size_t i = 0; i < clients; ++i) {
            waiting.push_back(std::make_unique<Client>(server.port()));
            waiting.back()->write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        while (*begun == 0) std::this_thread::yield();
        EXPECT_EQ(get_body(request(server.port(), "GET", "/ready")), "yes");
        server.stop();
        server.wait();
        begun_before = *begun;
        EXPECT_LT(begun_before, clients);
    }
    gate.set_value();
    while (begun.use_count() > 1) std::this_thread::yield();  // whoever holds the handler has ended
    EXPECT_EQ(*begun, begun_before);
}

TEST(ThreadCall, AnyResultAndNone) {
    run_in_handler([]() -> Task<> {
        EXPECT_EQ(co_await to_thread([] { return 5; }), 5);
        auto give = [number = std::make_unique<int>(6)]() mutable { return std::move(number); };
        const auto moved = co_await to_thread(std::move(give));
        EXPECT_EQ(*moved, 6);
        bool was_called = false;
        co_await to_thread([&] { was_called = true; });
        EXPECT_TRUE(was_called);
    });
}

TEST(ThreadCall, OutsideOfHandlersItIsAMistake) {
    EXPECT_THROW(detail::ThreadOperation([] {}), std::logic_error);
}

// As handlers do, but by itself.
TEST(ThreadCall, GivesWhatTheCallGaveOnTheThreadOfWhoWaits) {
    run_in_handler([]() -> Task<> {
        const auto home = std::this_thread::get_id();
        std::thread::id elsewhere;
        const Response response = co_await to_thread([&] {
            elsewhere = std::this_thread::get_id();
            return Response("done", 201);
        });
        EXPECT_EQ(response.status_code, 201);
        EXPECT_EQ(std::this_thread::get_id(), home);
        EXPECT_NE(elsewhere, home);
    });
}

TEST(ThreadCall, ThrowsWhatLeftTheCall) {
    run_in_handler([]() -> Task<> {
        std::string text;
        try {
            static_cast<void>(co_await to_thread([]() -> Response { throw std::out_of_range("no such row"); }));
        } catch (const std::out_of_range& error) {
            text = error.what();
        }
        EXPECT_EQ(text, "no such row");
        int number = 0;
        try {
            static_cast<void>(co_await to_thread([]() -> Response { throw 5; }));
        } catch (const int thrown) {
            number = thrown;
        }
        EXPECT_EQ(number, 5);
    });
}

// A thread can't be interrupted: the waiting task continues without it, and its result is dropped.
TEST(ThreadCall, OneThatIsCancelledGoesOnByItself) {
    std::promise<void> gate;
    const auto held = std::make_shared<int>(5);
    std::promise<void> begun;
    bool has_ended = false;
    run_in_handler([&]() -> Task<> {
        const auto call = [&, held, opened = gate.get_future().share()] {
            begun.set_value();
            opened.wait();
            return Response(std::to_string(*held));
        };
        const TaskHandle handle = spawn([call]() -> Task<> { static_cast<void>(co_await to_thread(call)); });
        begun.get_future().wait();
        handle.cancel();
        while (!handle.is_done()) co_await sleep(0ms);
        has_ended = true;
    });
    EXPECT_TRUE(has_ended);
    EXPECT_GT(held.use_count(), 1);
    gate.set_value();
    while (held.use_count() > 1) std::this_thread::yield();  // what it has captured goes when it ends
}

// Of a task that was cancelled before it has come so far.
TEST(ThreadCall, WhereTheTaskWasCancelledBeforeItDoesNotBegin) {
    run_in_handler([]() -> Task<> {
        std::atomic<bool> has_begun = false;
        bool was_cancelled = false;
        const Completion<> gate;
        const TaskHandle handle = spawn([&, gate]() -> Task<> {
            try {
                detail::Context::current()->cancel();
                static_cast<void>(co_await to_thread([&] {
                    has_begun = true;
                    return Response("x");
                }));
            } catch (const Cancelled&) {
                was_cancelled = true;
            }
            co_await gate;
        });
        EXPECT_TRUE(was_cancelled);
        gate.set_value();
        while (!handle.is_done()) co_await sleep(0ms);
        EXPECT_FALSE(has_begun);
    });
}

// More than the pool has threads, and none of them is lost.
TEST(ThreadCall, ManyAtOnceTakeTurns) {
    ProAPI app;
    std::atomic<int> done = 0;
    app.get("/", [&]() -> Task<std::string> {
        std::vector<Task<Response>> calls;
        for (int i = 0; i < 200; ++i)
            calls.push_back(to_thread([&, i] {
                ++done;
                return Response(std::to_string(i));
            }));
        const std::vector<Response> responses = co_await when_all(std::move(calls));
        for (std::size_t i = 0; i < responses.size(); ++i)
            EXPECT_EQ(std::get<std::string>(responses[i].body), std::to_string(i));
        co_return std::to_string(responses.size());
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")), "200");
    EXPECT_EQ(done, 200);
}

}  // namespace
}  // namespace proapi
