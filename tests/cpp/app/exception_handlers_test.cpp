// Exception handlers of a C++ application: which one answers, what they get, and how they fail.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using test::get_body;
using test::includes;
using test::request;
using test::status_of;

struct Missing : std::out_of_range {
    using std::out_of_range::out_of_range;
};

struct Taken : HTTPException {
    Taken() : HTTPException(409, "taken") {}
};

// Returns a handler that says what it got.
auto answer_with(int status) {
    return [status](const Request& request, const std::exception& error) {
        return Response(std::string(request.path()) + ": " + error.what(), status, {}, "text/plain");
    };
}

template <class E>
void raising(ProAPI& app, std::string_view path, E error) {
    app.get(path, [error]() -> Task<> {
        throw error;
        co_return;
    });
}

// promise: exception-handlers
TEST(ExceptionHandlers, TheFirstThatTakesTheExceptionAnswers) {
    ProAPI app;
    app.exception_handler<Missing>(answer_with(404));
    app.exception_handler<std::out_of_range>(answer_with(410));
    raising(app, "/missing", Missing("no such user"));
    raising(app, "/range", std::out_of_range("far"));
    app.get("/thread", []() -> std::string { throw Missing("in a thread"); });
    const RunningServer server = app.start({.port = 0});
    const std::string missing = request(server.port(), "GET", "/missing");
    EXPECT_EQ(status_of(missing), 404);
    EXPECT_EQ(get_body(missing), "/missing: no such user");
    EXPECT_EQ(status_of(request(server.port(), "GET", "/range")), 410);
    EXPECT_EQ(status_of(request(server.port(), "GET", "/thread")), 404);
}

// promise: exception-handlers
TEST(ExceptionHandlers, OfHttpExceptions) {
    ProAPI app;
    app.exception_handler<std::exception>(answer_with(500));
    app.exception_handler<HTTPException>(answer_with(499));
    app.exception_handler<Taken>(answer_with(419));
    app.status_handler(404, answer_with(404));
    raising(app, "/taken", Taken());
    raising(app, "/status", HTTPException(404, "gone"));
    raising(app, "/other", HTTPException(409, "other"));
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(status_of(request(server.port(), "GET", "/taken")), 419);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/status")), "/status: gone");
    EXPECT_EQ(status_of(request(server.port(), "GET", "/other")), 499);
    EXPECT_EQ(status_of(request(server.port(), "POST", "/other")), 499) << "the engine's own 405";
}

// promise: exception-handlers
TEST(ExceptionHandlers, OfTheEnginesOwnRefusals) {
    ProAPI app;
    app.get("/", [] { return "page"; });
    app.websocket("/ws", [](WebSocketConnection websocket) -> Task<> { co_await websocket.accept(); });
    for (const int status : {404, 405, 426}) app.status_handler(status, answer_with(status));
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/nothing")), "/nothing: Nothing is served at this address.");
    const std::string wrong_method = request(server.port(), "POST", "/");
    EXPECT_EQ(get_body(wrong_method), "/: This address does not serve that method.");
    EXPECT_TRUE(includes(wrong_method, "Allow: GET")) << wrong_method;
    EXPECT_EQ(status_of(request(server.port(), "GET", "/ws")), 426);
    EXPECT_EQ(test::Client(server.port(), "/no-such-socket").status(), 404);
    EXPECT_EQ(test::Client(server.port(), "/ws").status(), 101);
}

// promise: exception-handlers
TEST(ExceptionHandlers, TheLastResortIsLogged) {
    testing::internal::CaptureStderr();
    {
        ProAPI app, other;
        app.exception_handler<std::exception>(answer_with(503));
        other.status_handler(500, [](const Request&, const HTTPException& error) {
            return Response(error.detail(), 502, {}, "text/plain");
        });
        for (ProAPI* each : {&app, &other}) raising(*each, "/", std::logic_error("nobody foresaw it"));
        raising(app, "/http", HTTPException(409, "foreseen"));
        const RunningServer server = app.start({.port = 0}), second = other.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/")), 503);
        EXPECT_EQ(get_body(request(server.port(), "GET", "/http")), "foreseen\n");
        EXPECT_EQ(status_of(request(second.port(), "GET", "/")), 502);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "the handler of GET / failed: nobody foresaw it")) << log;
    EXPECT_FALSE(includes(log, "foreseen\n")) << log;
}

// promise: exception-handlers
TEST(ExceptionHandlers, OneThatFailsIsNotHandled) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        int calls = 0;
        const auto fail = [&calls](const Request&, const std::exception&) -> Response {
            ++calls;
            throw HTTPException(404, "again");
        };
        app.exception_handler<Missing>(fail);
        app.exception_handler<std::exception>(fail);
        app.status_handler(404, fail);
        raising(app, "/", Missing("first"));
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/")), 500);
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(status_of(request(server.port(), "GET", "/nothing")), 500);
        EXPECT_EQ(calls, 2);
    }
    EXPECT_TRUE(includes(testing::internal::GetCapturedStderr(), "failed: "));
}

// promise: exception-handlers
TEST(ExceptionHandlers, OfWebSockets) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        const auto answer = [](const auto& connection, const std::exception& error) {
            return Response(connection.path() + ": " + error.what(), 410, {{"X-Seen", "1"}}, "text/plain");
        };
        app.exception_handler<Missing>(answer);
        app.exception_handler<Taken>([](const Request&, const Taken&) { return Response("of requests", 419); });
        app.exception_handler<std::exception>(
            [](const WebSocketConnection&, const std::exception&) { return Response("last resort", 503); });
        app.status_handler(401, answer);
        app.status_handler(404, answer);
        app.websocket("/{kind}", [](WebSocketConnection websocket, std::string kind) -> Task<> {
            if (kind == "missing") throw Missing("no such room");
            if (kind == "taken") throw Taken();
            if (kind == "unauthorized") throw HTTPException(401, "who?");
            if (kind == "late") co_await websocket.accept();
            throw std::logic_error("nobody foresaw it");
        });
        const RunningServer server = app.start({.port = 0});
        const auto refused = [&](const char* path) {
            test::Client client(server.port());
            client.write_handshake(path);
            return client.read_response();
        };
        const std::string missing = refused("/missing");
        EXPECT_EQ(status_of(missing), 410);
        EXPECT_EQ(get_body(missing), "/missing: no such room");
        EXPECT_TRUE(includes(missing, "X-Seen: 1")) << missing;
        EXPECT_TRUE(includes(missing, "text/plain; charset=utf-8")) << missing;
        EXPECT_EQ(get_body(refused("/taken")), "taken\n") << "its handler is for requests";
        EXPECT_EQ(get_body(refused("/unauthorized")), "/unauthorized: who?");
        EXPECT_EQ(status_of(refused("/other")), 503);
        EXPECT_EQ(get_body(refused("/no/such/socket")), "/no/such/socket: Nothing is served at this address.");
        EXPECT_EQ(test::Client(server.port(), "/late").read_close(), 1011);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "/other: the handler of websocket /{kind} failed: nobody foresaw it")) << log;
    EXPECT_TRUE(includes(log, "/late: the handler of websocket /{kind} failed: nobody foresaw it")) << log;
    EXPECT_FALSE(includes(log, "no such room") || includes(log, "who?") || includes(log, "taken")) << log;
}

// promise: exception-handlers
TEST(ExceptionHandlers, OfWebSocketsThatFail) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.exception_handler<Missing>(
            [](const WebSocketConnection&, const Missing&) -> Response { throw std::logic_error("again"); });
        app.exception_handler<Taken>([](const WebSocketConnection&, const Taken&) {
            return Response::stream([](BodyWriter) -> Task<> { co_return; });
        });
        app.status_handler(404, [](const WebSocketConnection&, const HTTPException&) { return Response("x", 200); });
        app.websocket("/{kind}", [](WebSocketConnection, std::string kind) -> Task<> {
            if (kind == "missing") throw Missing("first");
            if (kind == "taken") throw Taken();
            throw HTTPException(404);
            co_return;
        });
        const RunningServer server = app.start({.port = 0});
        for (const char* path : {"/missing", "/taken", "/status"})
            EXPECT_EQ(test::Client(server.port(), path).status(), 500) << path;
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "/missing: the handler of websocket /{kind} failed: again")) << log;
    EXPECT_TRUE(includes(log, "/taken: the handler of websocket /{kind} failed: expected a response")) << log;
    EXPECT_TRUE(includes(log, "/status: the handler of websocket /{kind} failed: expected a response")) << log;
}

TEST(ExceptionHandlers, WhatCanNotBeRegistered) {
    ProAPI app;
    EXPECT_THROW(app.status_handler(200, answer_with(200)), std::invalid_argument);
    const auto of_websockets = [](const WebSocketConnection&, const HTTPException&) { return Response(); };
    EXPECT_THROW(app.status_handler(200, of_websockets), std::invalid_argument);
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(app.status_handler(404, answer_with(404)), std::logic_error);
    EXPECT_THROW(app.exception_handler<Missing>(answer_with(404)), std::logic_error);
}

}  // namespace
}  // namespace proapi
