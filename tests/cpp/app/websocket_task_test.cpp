// What a WebSocket handler's end means for its connection, and for the log.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

TEST(WebSocketTask, ItsEndIsTheConnections) {
    ProAPI app;
    app.websocket("/{what}", [](WebSocketConnection websocket, std::string what) -> Task<> {
        if (what == "refuse") co_return;
        if (what == "fail-early") throw std::runtime_error("on purpose");
        co_await websocket.accept();
        if (what == "text") co_await websocket.receive_text();
        if (what == "json") co_await websocket.receive_json();
        if (what == "numbers") co_await websocket.receive_json<std::vector<int>>();
        if (what == "fail") throw std::runtime_error("on purpose");
        if (what == "odd") throw 5;
    });
    const RunningServer server = app.start({.port = 0});
    const auto close_code = [&](const std::string& path, std::string_view message, int opcode) {
        Client client(server.port(), path);
        client.send(message, opcode);
        return client.read_close();
    };
    EXPECT_EQ(close_code("/return", "x", 1), 1000);
    EXPECT_EQ(close_code("/text", "x", 2), 1003);
    EXPECT_EQ(close_code("/json", "{", 1), 1007);
    EXPECT_EQ(close_code("/json", std::string(10'000, '['), 1), 1007);
    EXPECT_EQ(close_code("/numbers", "[\"a\"]", 1), 1007);
    EXPECT_EQ(close_code("/fail", "x", 1), 1011);
    EXPECT_EQ(close_code("/odd", "x", 1), 1011);
    EXPECT_EQ(Client(server.port(), "/refuse").status(), 403);
    EXPECT_EQ(Client(server.port(), "/fail-early").status(), 500);
}

bool logs(const std::string& log, const std::string& line) {
    return log.find(line + "\n") != std::string::npos;
}

TEST(WebSocketTask, TheLogSaysHowAHandlerEndedWithItsRoute) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.websocket("/{what}", [](WebSocketConnection websocket, std::string what) -> Task<> {
            if (what == "refuse") co_return;
            if (what == "fail-early") throw std::runtime_error("too early");
            if (what == "not-found") throw HTTPException(404, "no such room");
            co_await websocket.accept();
            if (what == "text") co_await websocket.receive_text();
            if (what == "fail") throw std::runtime_error("on\npurpose");
            if (what == "left") throw WebSocketDisconnect(1001, "going away");
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(Client(server.port(), "/refuse").status(), 403);
        EXPECT_EQ(Client(server.port(), "/fail-early").status(), 500);
        EXPECT_EQ(Client(server.port(), "/not-found").status(), 404);
        EXPECT_EQ(Client(server.port(), "/fail").read_close(), 1011);
        EXPECT_EQ(Client(server.port(), "/left").read_close(), 1000);
        Client text(server.port(), "/text");
        text.send("x", 2);
        EXPECT_EQ(text.read_close(), 1003);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    const std::string failed = ": the handler of websocket /{what} failed: ";
    EXPECT_TRUE(logs(log, "/refuse: refused with 403: the handler of websocket /{what} returned without accept()"))
        << log;
    EXPECT_TRUE(logs(log, "/fail-early" + failed + "too early")) << log;
    EXPECT_TRUE(logs(log, "/fail" + failed + "on\\x0apurpose")) << log;
    EXPECT_TRUE(logs(log,
                     "/text: closed 127.0.0.1 with 1003: receive_text(): expected a text message, got a binary one; "
                     "receive() takes both"))
        << log;
    EXPECT_EQ(log.find("no such room"), std::string::npos) << log;
    EXPECT_EQ(log.find("going away"), std::string::npos) << log;
}

TEST(WebSocketTask, AnHttpExceptionRefusesTheHandshakeAndLaterIsAFailure) {
    ProAPI app;
    app.websocket("/early", [](WebSocketConnection) -> Task<> {
        throw HTTPException(401, "who are you?", {{"WWW-Authenticate", "Basic"}});
        co_return;
    });
    app.websocket("/ok", [](WebSocketConnection) -> Task<> {  // no refusal
        throw HTTPException(200, "all is well");
        co_return;
    });
    app.websocket("/late", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        throw HTTPException(401, "who are you?");
    });
    const RunningServer server = app.start({.port = 0});
    Client early(server.port());
    early.write_handshake("/early");
    const std::string refusal = early.read_response();
    EXPECT_EQ(test::status_of(refusal), 401);
    EXPECT_NE(refusal.find("WWW-Authenticate: Basic\r\n"), std::string::npos) << refusal;
    EXPECT_EQ(test::get_body(refusal), "who are you?\n");
    EXPECT_EQ(Client(server.port(), "/ok").status(), 500);
    EXPECT_EQ(Client(server.port(), "/late").read_close(), 1011);
}

// It runs before there is a coroutine.
TEST(WebSocketTask, AHandlerThatIsNoCoroutineItselfMayFailToo) {
    const auto serve = [](WebSocketConnection websocket) -> Task<> { co_await websocket.accept(); };
    ProAPI app;
    app.websocket("/{what}", [serve](WebSocketConnection websocket, std::string what) {
        if (what == "accepted") websocket.accept();
        if (what == "refused") throw HTTPException(409, "not now");
        if (what != "served") throw std::runtime_error("on purpose");
        return serve(websocket);
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(Client(server.port(), "/served").read_close(), 1000);
    EXPECT_EQ(Client(server.port(), "/refused").status(), 409);
    EXPECT_EQ(Client(server.port(), "/early").status(), 500);
    EXPECT_EQ(Client(server.port(), "/accepted").read_close(), 1011);
}

TEST(WebSocketTask, WhatTheHandlerHasDoneWithTheConnectionStays) {
    ProAPI app;
    app.websocket("/rejected", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.reject(410, "gone");
        throw std::runtime_error("on purpose");
    });
    app.websocket("/closed", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.close(4000);
        throw std::runtime_error("on purpose");
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(Client(server.port(), "/rejected").status(), 410);
    EXPECT_EQ(Client(server.port(), "/closed").read_close(), 4000);
}

// promise: cpp-path-parameters
TEST(WebSocketTask, AParameterThatDoesNotFitIsNotFound) {
    ProAPI app;
    std::atomic<int> calls = 0;
    app.websocket("/{n:int}", [&](WebSocketConnection, int) -> Task<> {
        ++calls;
        co_return;
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write_handshake("/2147483648");
    const std::string refusal = client.read_response();
    EXPECT_EQ(test::status_of(refusal), 404);
    EXPECT_EQ(test::get_body(refusal), "Nothing is served at this address.\n");
    EXPECT_EQ(calls, 0);
}

// A stop that cancels it, and the exception of another task's cancellation, before and after accept().
TEST(WebSocketTask, CancelledIsTheServersStopOrAFailure) {
    testing::internal::CaptureStderr();
    ProAPI app;
    app.setting("shutdown_timeout", "0.05");
    std::promise<void> begun;
    app.websocket("/stopped", [&](WebSocketConnection) -> Task<> {
        begun.set_value();
        co_await sleep(1h);
    });
    app.websocket("/told/{when}", [](WebSocketConnection websocket, std::string when) -> Task<> {
        if (when == "late") co_await websocket.accept();
        throw Cancelled();
    });
    RunningServer server = app.start({.port = 0});
    EXPECT_EQ(Client(server.port(), "/told/early").status(), 500);
    EXPECT_EQ(Client(server.port(), "/told/late").read_close(), 1011);
    Client stopped(server.port());
    stopped.write_handshake("/stopped");
    begun.get_future().wait();
    server.stop();
    stopped.read_head();
    EXPECT_NE(stopped.status(), 101);
    EXPECT_NE(stopped.status(), 500);
    server.wait();
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(
        log.find(
            "/told/late: the handler of websocket /told/{when} failed: it was told of another task's cancellation"),
        std::string::npos)
        << log;
    EXPECT_EQ(log.find("/stopped: the handler of"), std::string::npos) << log;
}

// It waits for something else than its connection, and does not know of its end.
TEST(WebSocketTask, AStopDoesNotWaitForAHandlerWhoseClientHasLeft) {
    ProAPI app;
    app.setting("shutdown_timeout", "60");
    std::promise<std::string> ended;
    std::promise<WebSocketConnection> opened;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        opened.set_value(websocket);
        std::string how = "waited";
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            how = "cancelled";
        }
        ended.set_value(how);
    });
    RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    opened.get_future().wait();
    client.reset();
    const auto begin = std::chrono::steady_clock::now();
    server.stop();
    server.wait();
    EXPECT_EQ(ended.get_future().get(), "cancelled");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

// One that has gone before its handler begins counts as one that leaves then.
// promise: cpp-cancel-on-disconnect
TEST(WebSocketTask, CancelOnDisconnectOfOneThatClosesBeforeItWaits) {
    ProAPI app;
    std::promise<std::string> ended;
    const auto serve = [&](WebSocketConnection) -> Task<> {
        std::string how = "not cancelled";
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            how = "cancelled";
        }
        ended.set_value(how);
    };
    app.websocket("/",
                  [&](WebSocketConnection websocket) {
                      websocket.accept();
                      websocket.close(4000);  // not the handler's coroutine: that has not begun
                      return serve(websocket);
                  },
                  {.cancel_on_disconnect = true});
    app.setting("close_timeout", "60");
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_close(), 4000);  // and does not answer it yet
    auto found = ended.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), "cancelled");
    client.finish(4000);
    client.reset();
}

// Nobody waits for the answer any more: that is no failure.
TEST(WebSocketTask, ARefusalOfOneThatHasLeftIsNotLogged) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        std::promise<void> begun;
        app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
            begun.set_value();
            co_await websocket.wait_closed();
            throw HTTPException(404, "no such room");
        });
        const RunningServer server = app.start({.port = 0});
        Client client(server.port());
        client.write_handshake("/");
        begun.get_future().wait();
        client.reset();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace proapi
