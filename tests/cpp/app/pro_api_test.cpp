// An application as a whole: what runs beside its handlers, fields of every response, files, and its running server.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
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

// promise: cpp-background
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

// promise: cpp-background
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

// promise: cpp-background
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

// promise: cpp-background
TEST(Background, OnAnotherThreadWhileItServesIsRefused) {
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(app.background([]() -> Task<> { co_return; }), std::logic_error);
}

// promise: response-headers
TEST(ResponseHeaders, FieldsOfEveryResponse) {
    ProAPI app;
    app.get("/", [] { return "page"; });
    app.response_headers({{"Server", "mine"}, {"Content-Type", "text/plain"}});
    app.response_headers(security_headers());
    EXPECT_THROW(app.response_headers({{"X-One", "a\r\nX-Two: b"}}), std::invalid_argument);
    const RunningServer server = app.start({.port = 0});
    const std::string page = test::request(server.port(), "GET", "/");
    EXPECT_TRUE(test::includes(page, "Server: mine\r\n")) << page;
    EXPECT_TRUE(test::includes(page, "X-Frame-Options: SAMEORIGIN\r\n")) << page;
    EXPECT_TRUE(test::includes(page, "Content-Type: text/html; charset=utf-8\r\n")) << page;
    const std::string refusal = test::request(server.port(), "GET", "/nothing");
    EXPECT_TRUE(test::includes(refusal, "Server: mine\r\n")) << refusal;
    EXPECT_THROW(app.response_headers({}), std::logic_error) << "it serves";
}

// promise: cpp-moved-from
TEST(RunningServer, OneThatWasMovedFromIsRefused) {
    ProAPI app;
    RunningServer server = app.start({.port = 0});
    const RunningServer kept = std::move(server);
    constexpr auto refusal = "expected a RunningServer, got one that was moved from";
    EXPECT_EQ(test::error_of([&] { static_cast<void>(server.port()); }), refusal);
    EXPECT_EQ(test::error_of([&] { static_cast<void>(server.url()); }), refusal);
    EXPECT_EQ(test::error_of([&] { server.stop(); }), refusal);
    EXPECT_EQ(test::error_of([&] { server.wait(); }), refusal);
    EXPECT_EQ(test::status_of(test::request(kept.port(), "GET", "/")), 404);
}

TEST(RunningServer, AnAssignmentStopsTheOneThatWasThere) {
    ProAPI app;
    app.get("/", [] { return "here"; });
    RunningServer server = app.start({.port = 0});
    const std::uint16_t first = server.port();
    server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
    EXPECT_THROW(Client{first}, std::runtime_error);
}

TEST(ProAPI, SettingsThatContradictEachOtherNameTheirRoute) {
    ProAPI app;
    app.websocket("/a", [](WebSocketConnection) -> Task<> { co_return; }, {{"low_water", "100000"}});
    const std::string text = test::error_of([&] { app.check_settings(); });
    EXPECT_TRUE(text.starts_with("websocket /a: ")) << text;
    EXPECT_EQ(test::error_of([&] { static_cast<void>(app.start({.port = 0})); }), text);
}

TEST(ProAPI, ServesHiddenFilesWhereTheyAreAskedFor) {
    const auto folder = std::filesystem::temp_directory_path() / ("proapi-hidden-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / ".env") << "secret";
    ProAPI app;
    app.static_files("/shut", folder);
    app.static_("/open", folder, {.dot_files = true});
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/shut/.env")), 404);
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/open/.env")), "secret");
    }
    std::filesystem::remove_all(folder);
}

// promise: cpp-background
TEST(Background, InAHandlerOfAnotherAppItIsOfThatOneWhichIsAsked) {
    ProAPI asked, other;
    std::promise<void> begun;
    other.get("/", [&]() -> Task<std::string> {
        asked.background([&]() -> Task<> {
            begun.set_value();
            co_return;
        });
        co_return "registered";
    });
    const RunningServer server = other.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "registered");
    auto has_begun = begun.get_future();
    EXPECT_EQ(has_begun.wait_for(0s), std::future_status::timeout);
    const RunningServer its_own = asked.start({.port = 0});
    EXPECT_EQ(has_begun.wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace proapi
