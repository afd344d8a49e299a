// A handler that reads its request's body in parts.
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using test::Client;
using test::error_of;
using test::error_on_another_thread;
using test::get_body;
using test::request;
using test::status_of;

std::string head_of(const std::string& target, std::size_t length) {
    return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

Task<std::string> read_all(BodyStream body) {
    std::string whole;
    while (const auto part = co_await body.read()) whole += *part;
    co_return whole;
}

// promise: request-stream
TEST(BodyStream, AHandlerIsCalledWithTheHeadAndReadsTheBodyInParts) {
    ProAPI app;
    std::promise<void> called;
    app.post("/{name}", [&](Request request, BodyStream body, std::string name) -> Task<std::string> {
        called.set_value();
        co_return request.method() + " " + name + ": " + co_await read_all(body);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write(head_of("/it", 6));
    called.get_future().wait();
    client.write("abc");
    client.write("def");
    EXPECT_EQ(get_body(client.read_response()), "POST it: abcdef");
}

// promise: request-stream
TEST(BodyStream, ABodyThatHasArrivedAndNone) {
    ProAPI app;
    app.post("/", read_all);
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "POST", "/", "whole")), "whole");
    EXPECT_EQ(get_body(request(server.port(), "POST", "/")), "");
}

// promise: route-max-body-size
TEST(BodyStream, ALimitOfTheRoute) {
    ProAPI app;
    app.post("/", read_all, {.max_body_size = 4});
    app.post("/whole", [](Request request) { return std::string(request.body()); }, {.max_body_size = 4});
    app.post("/other", read_all);
    const RunningServer server = app.start({.port = 0});
    for (const char* path : {"/", "/whole"}) {
        EXPECT_EQ(get_body(request(server.port(), "POST", path, "abcd")), "abcd");
        EXPECT_EQ(status_of(request(server.port(), "POST", path, "abcde")), 413) << path;
    }
    EXPECT_EQ(get_body(request(server.port(), "POST", "/other", "abcde")), "abcde");
    Client client(server.port());
    client.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 413);
    EXPECT_NE(get_body(response).find("max_body_size"), std::string::npos) << response;
}

TEST(BodyStream, ALimitOutOfRangeIsARouteError) {
    ProAPI app;
    const std::string error = error_of([&] { app.post("/", read_all, {.max_body_size = 1ULL << 50U}); });
    EXPECT_NE(error.find("body_stream_test.cpp"), std::string::npos) << error;
    EXPECT_NE(error.find("max_body_size: expected a whole number from 0 to"), std::string::npos) << error;
}

// promise: request-stream, client-leaves-during-upload
TEST(BodyStream, AClientThatLeavesIsAnExceptionAndIsNotLogged) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        std::promise<void> called, left;
        app.post("/", [&](BodyStream body) -> Task<> {
            called.set_value();
            try {
                co_await read_all(body);
            } catch (const ClientDisconnect&) {
                left.set_value();
                throw;
            }
        });
        const RunningServer server = app.start({.port = 0});
        Client client(server.port());
        client.write(head_of("/", 6) + "abc");
        called.get_future().wait();
        client.reset();
        left.get_future().wait();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(BodyStream, AReadThatIsCancelledLeavesThePartsToTheNext) {
    ProAPI app;
    std::promise<void> waited;
    app.post("/", [&](BodyStream body) -> Task<std::string> {
        try {
            co_await wait_for(read_all(body), std::chrono::milliseconds(1));
        } catch (const TimeoutError&) {
            waited.set_value();
        }
        co_return co_await read_all(body);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write(head_of("/", 3));
    waited.get_future().wait();
    client.write("abc");
    EXPECT_EQ(get_body(client.read_response()), "abc");
}

// promise: cpp-moved-from
TEST(BodyStream, WhatIsRefused) {
    ProAPI app;
    app.post("/", [](Request request, BodyStream body) -> Task<Json> {
        const std::string of_request = error_of([&] { static_cast<void>(request.body()); });
        const std::string of_form = error_of([&] { static_cast<void>(request.form()); });
        const std::string elsewhere = error_on_another_thread([&] { static_cast<void>(body.read().await_ready()); });
        const Request moved = std::move(request);
        const BodyStream of_nothing(request);  // NOLINT(bugprone-use-after-move)
        const std::string after_move = error_of([&] { static_cast<void>(of_nothing.read().await_ready()); });
        co_return Json{of_request, of_form, elsewhere, after_move};
    });
    const RunningServer server = app.start({.port = 0});
    const Json errors = Json::parse(get_body(request(server.port(), "POST", "/", "abc")));
    EXPECT_NE(errors[0].get<std::string>().find("it takes a proapi::BodyStream"), std::string::npos);
    EXPECT_EQ(errors[1], errors[0]);
    EXPECT_EQ(errors[2], "read(): expected to be called on the handler's thread, got another one");
    EXPECT_EQ(errors[3], "read(): expected a BodyStream, got one whose Request was moved from");
}

}  // namespace
}  // namespace proapi
