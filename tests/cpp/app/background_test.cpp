// app.background(): when it begins, what it sees of connections' ends, and its own end.
// promise: cpp-background
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

// Says how it ended.
Task<> work_for_ever(std::string name, std::promise<std::string>* ended) {
    std::string how = "taken away";
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        how = "cancelled";
    }
    ended->set_value(name + " " + how);
}

TEST(Background, BeginsOnOneWorkerEachTimeTheAppServesAndIsCancelledAtTheStop) {
    ProAPI app;
    std::atomic<int> begun = 0;
    std::promise<std::string> ended[2];
    app.background([&, name = std::string(100, 'n')]() -> Task<> {
        co_await sleep(1ms);
        const int number = begun++;
        co_await work_for_ever(name, &ended[number]);
    });
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(begun, i);
        RunningServer server = app.start({.port = 0, .workers = 3});
        while (begun == i) std::this_thread::yield();
        server.stop();
        server.wait();
        EXPECT_EQ(ended[i].get_future().get(), std::string(100, 'n') + " cancelled");
    }
    EXPECT_EQ(begun, 2);
}

TEST(Background, StartedByAHandlerItOutlivesTheConnection) {
    ProAPI app;
    std::vector<WebSocketConnection> members;
    std::promise<std::string> ended;
    std::promise<void> first_has_ended;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        members.push_back(websocket);  // and never taken out
        const bool is_first = members.size() == 1;
        if (is_first)
            app.background([&, word = std::string(100, 'w')]() -> Task<> {
                try {
                    while (true) {
                        for (const WebSocketConnection& member : std::vector<WebSocketConnection>(members))
                            co_await member.send_text(word);
                        co_await sleep(1ms);
                    }
                } catch (const Cancelled&) {
                    ended.set_value("cancelled");
                    throw;
                }
            });
        co_await websocket.wait_closed();
        if (is_first) first_has_ended.set_value();
    });
    {
        const RunningServer server = app.start({.port = 0});
        {
            Client first(server.port(), "/");
            EXPECT_EQ(first.read_text(), std::string(100, 'w'));
            first.reset();
        }
        first_has_ended.get_future().wait();
        Client other(server.port(), "/");
        for (int i = 0; i < 20; ++i) EXPECT_EQ(other.read_text(), std::string(100, 'w'));
    }
    EXPECT_EQ(ended.get_future().get(), "cancelled");
}

TEST(Background, ItsFailureIsLoggedWithItsName) {
    testing::internal::CaptureStderr();
    ProAPI app;
    std::promise<void> failing[3];
    app.background(
        [&]() -> Task<> {
            failing[0].set_value();
            throw std::runtime_error("no such table");
            co_return;
        },
        "ticker");
    const int line = __LINE__ + 1;
    app.background([&]() -> Task<> {
        failing[1].set_value();
        throw std::runtime_error("no such column");
        co_return;
    });
    app.background(
        [&] {
            failing[2].set_value();
            if (failing[2].get_future().valid()) throw std::runtime_error("no such row");
            return []() -> Task<> { co_return; }();
        },
        "that is not a coroutine");
    app.get("/", []() -> Task<std::string> { co_return "here"; });
    {
        const RunningServer server = app.start({.port = 0});
        failing[0].get_future().wait();
        failing[1].get_future().wait();
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
    }
    const std::string log = testing::internal::GetCapturedStderr();
    const std::string here = std::string(__FILE__) + ":" + std::to_string(line);
    for (const std::string& expected : {std::string("background task ticker failed: no such table"),
                                        "background task " + here + " failed: no such column",
                                        std::string("background task that is not a coroutine failed: no such row")})
        EXPECT_NE(log.find(expected), std::string::npos) << expected << "\n" << log;
}

TEST(Background, OnAnotherThreadWhileItServesIsRefused) {
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(app.background([]() -> Task<> { co_return; }), std::logic_error);
}

}  // namespace
}  // namespace proapi
