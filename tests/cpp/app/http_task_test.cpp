// What becomes of an HTTP handler's end: its exceptions, its cancellation, and a client that has left.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get_body;
using test::includes;
using test::request;
using test::status_of;

TEST(HttpTask, Failures) {
    ProAPI app;
    app.get("/throw", []() -> Task<> {
        throw std::runtime_error("on purpose");
        co_return;
    });
    app.get("/sync", []() -> std::string { throw std::runtime_error("on purpose"); });
    app.get("/header", [] { return Response("x", 200, {{"X", "a\r\nb: c"}}); });
    app.get("/status", [] { return Response("x", 99); });
    app.get("/exception", []() -> std::string { throw HTTPException(1000, "a close code"); });
    app.get("/error", []() -> std::string { throw HTTPException(409, "conflict\n"); });
    const RunningServer server = app.start({.port = 0});
    for (const char* path : {"/throw", "/sync", "/header", "/status", "/exception"})
        EXPECT_EQ(status_of(request(server.port(), "GET", path)), 500) << path;
    const std::string error = request(server.port(), "GET", "/error");
    EXPECT_EQ(status_of(error), 409);
    EXPECT_EQ(get_body(error), "conflict\n");
}

TEST(HttpTask, AFailureIsLoggedWithItsRouteAndARefusalIsNot) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.get("/a/{x}", [](std::string) -> Task<> {
            throw std::runtime_error("on\npurpose");
            co_return;
        });
        app.post("/odd", []() -> std::string { throw 5; });
        app.get("/refused", []() -> std::string { throw HTTPException(404, "no such room"); });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/a/1")), 500);
        EXPECT_EQ(status_of(request(server.port(), "POST", "/odd")), 500);
        EXPECT_EQ(status_of(request(server.port(), "GET", "/refused")), 404);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "GET /a/1: the handler of GET /a/{x} failed: on\\x0apurpose\n")) << log;
    EXPECT_TRUE(
        includes(log, "POST /odd: the handler of POST /odd failed: an exception that is not a std::exception\n"))
        << log;
    EXPECT_FALSE(includes(log, "no such room")) << log;
}

TEST(HttpTask, ARefusalIsALineOfTextUnlessItSaysOtherwise) {
    ProAPI app;
    app.get("/plain", []() -> std::string { throw HTTPException(409, "conflict"); });
    app.get("/line", []() -> std::string { throw HTTPException(409, "conflict\n"); });
    app.get("/empty", []() -> std::string { throw HTTPException(409, ""); });
    app.get("/typed", []() -> std::string {
        throw HTTPException(409, "{}", {{"content-TYPE", "application/json"}, {"X-A", "1"}, {"X-A", "2"}});
    });
    const RunningServer server = app.start({.port = 0});
    const std::string plain = request(server.port(), "GET", "/plain");
    EXPECT_TRUE(includes(plain, "Content-Type: text/plain; charset=utf-8\r\n")) << plain;
    EXPECT_EQ(get_body(plain), "conflict\n");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/line")), "conflict\n");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/empty")), "");
    const std::string typed = request(server.port(), "GET", "/typed");
    EXPECT_TRUE(includes(typed, "content-TYPE: application/json\r\n")) << typed;
    EXPECT_FALSE(includes(typed, "Content-Type: ")) << typed;
    EXPECT_TRUE(includes(typed, "X-A: 1\r\nX-A: 2\r\n")) << typed;
}

// promise: cpp-path-parameters
TEST(HttpTask, AParameterThatDoesNotFitIsNotFoundAndTheHandlerIsNotCalled) {
    ProAPI app;
    std::atomic<int> calls = 0;
    app.get("/{n:int}", [&](int n) {
        ++calls;
        return std::to_string(n);
    });
    const RunningServer server = app.start({.port = 0});
    const std::string refused = request(server.port(), "GET", "/2147483648");
    EXPECT_EQ(status_of(refused), 404);
    EXPECT_EQ(get_body(refused), "Nothing is served at this address.\n");
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/2147483647")), "2147483647");
}

// A stop that cancels it, and the exception of another task's cancellation.
TEST(HttpTask, CancelledIsA503WhileTheServerStopsAndElseAFailure) {
    testing::internal::CaptureStderr();
    ProAPI app;
    app.setting("shutdown_timeout", "0.05");
    std::promise<void> begun;
    app.get("/stopped", [&]() -> Task<std::string> {
        begun.set_value();
        co_await sleep(1h);
        co_return "never";
    });
    app.get("/told", []() -> Task<std::string> {
        throw Cancelled();
        co_return "never";
    });
    RunningServer server = app.start({.port = 0});
    EXPECT_EQ(status_of(request(server.port(), "GET", "/told")), 500);
    Client client(server.port());
    client.write("GET /stopped HTTP/1.1\r\nHost: localhost\r\n\r\n");
    begun.get_future().wait();
    server.stop();
    const std::string stopped = client.read_response();
    EXPECT_EQ(status_of(stopped), 503);
    EXPECT_EQ(get_body(stopped), "The server is stopping.\n");
    server.wait();
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "GET /told: the handler of GET /told failed: it was told of another task's cancellation"))
        << log;
    EXPECT_FALSE(includes(log, "GET /stopped: the handler of")) << log;
}

// From then on it is the stream that ends with its client, and it is told once: its clean-up is not cut short.
// promise: cpp-cancel-on-disconnect
TEST(HttpTask, CancelOnDisconnectEndsWithTheHandlerAndNotWithItsStream) {
    ProAPI app;
    std::promise<std::string> outcome;
    app.get("/",
            [&]() -> Task<Response> {
                co_return Response::stream([&](BodyWriter body) -> Task<> {
                    co_await body.write("begun");
                    std::string log;
                    try {
                        co_await sleep(1h);
                    } catch (const Cancelled&) {
                        log = "cancelled";
                    }
                    try {
                        co_await sleep(1ms);
                    } catch (const Cancelled&) {
                        log += " twice";
                    }
                    outcome.set_value(log);
                });
            },
            {.cancel_on_disconnect = true});
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_head();
    client.reset();
    EXPECT_EQ(outcome.get_future().get(), "cancelled");
}

// Nobody reads its answer.
TEST(HttpTask, AStopDoesNotWaitForAHandlerWhoseClientHasLeft) {
    ProAPI app;
    app.setting("shutdown_timeout", "60");
    std::promise<void> begun;
    std::promise<std::string> ended;
    app.get("/", [&](Request request) -> Task<std::string> {
        begun.set_value();
        while (!request.is_disconnected()) co_await sleep(1ms);
        std::string how = "waited";
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            how = "cancelled";
        }
        ended.set_value(how);
        co_return "never";
    });
    RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    begun.get_future().wait();
    client.reset();
    const auto begin = std::chrono::steady_clock::now();
    server.stop();
    server.wait();
    EXPECT_EQ(ended.get_future().get(), "cancelled");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

}  // namespace
}  // namespace proapi
