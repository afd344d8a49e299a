// Exception handlers of a C++ application: which one answers, what they get, and how they fail.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using test::get_body;
using test::request;
using test::status_of;

struct Missing : std::out_of_range {
    using std::out_of_range::out_of_range;
};

struct Taken : HTTPException {
    Taken() : HTTPException(409, "taken") {}
};

bool includes(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

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

TEST(ExceptionHandlers, WhatCanNotBeRegistered) {
    ProAPI app;
    EXPECT_THROW(app.status_handler(200, answer_with(200)), std::invalid_argument);
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(app.status_handler(404, answer_with(404)), std::logic_error);
    EXPECT_THROW(app.exception_handler<Missing>(answer_with(404)), std::logic_error);
}

}  // namespace
}  // namespace proapi
