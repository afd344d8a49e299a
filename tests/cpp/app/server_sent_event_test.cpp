// The lines of an event, and a response of events: comments while nothing happens, and its end with the client.
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::error_of;
using test::request;

// promise: server-sent-events
TEST(ServerSentEvent, ItsLines) {
    EXPECT_EQ(ServerSentEvent("one").encode(), "data: one\n\n");
    EXPECT_EQ(ServerSentEvent("").encode(), "data: \n\n");
    EXPECT_EQ(ServerSentEvent("a\nb\r\nc\rd\n").encode(), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    ServerSentEvent whole("d", "e", "7");
    whole.retry = 100ms;
    EXPECT_EQ(whole.encode(), "event: e\nid: 7\nretry: 100\ndata: d\n\n");
    ServerSentEvent comment;
    comment.comment = "one\ntwo";
    EXPECT_EQ(comment.encode(), ": one\n: two\n\n");
    ServerSentEvent reset;
    reset.id = "";
    EXPECT_EQ(reset.encode(), "id: \n\n");
}

TEST(ServerSentEvent, WhatItCanNotHave) {
    const auto error = [](const ServerSentEvent& event) {
        return error_of([&] { static_cast<void>(event.encode()); });
    };
    EXPECT_EQ(error({}), "ServerSentEvent: expected data, event, id, retry or comment, got none of them");
    EXPECT_EQ(error({"", "a\nb"}), "ServerSentEvent: expected no line break and no NUL in event");
    EXPECT_EQ(error({"", "", std::string("a\0", 2)}), "ServerSentEvent: expected no line break and no NUL in id");
    ServerSentEvent negative;
    negative.retry = -1ms;
    EXPECT_EQ(error(negative), "ServerSentEvent: expected milliseconds from 0 on as retry, got -1");
    EXPECT_EQ(error_of([] { static_cast<void>(event_source({}, 0ms)); }),
              "event_source(): expected a time above 0 as ping, got 0 ms");
}

// promise: server-sent-events
TEST(ServerSentEvent, AResponseOfEvents) {
    ProAPI app;
    app.get("/", [] {
        return event_source([](EventWriter events) -> Task<> {
            co_await events.send({"one", std::nullopt, "1"});
            co_await events.send({"two"});
        });
    });
    const RunningServer server = app.start({.port = 0});
    const std::string response = request(server.port(), "GET", "/");
    EXPECT_NE(response.find("Content-Type: text/event-stream"), std::string::npos) << response;
    EXPECT_NE(response.find("Cache-Control: no-store\r\n"), std::string::npos) << response;
    EXPECT_NE(response.find("id: 1\ndata: one\n\n"), std::string::npos) << response;
    EXPECT_NE(response.find("data: two\n\n"), std::string::npos) << response;
}

// promise: server-sent-events
TEST(ServerSentEvent, CommentsUntilTheClientLeaves) {
    testing::internal::CaptureStderr();
    {
        struct Told {
            std::promise<void>& ended;
            ~Told() { ended.set_value(); }
        };
        ProAPI app;
        std::promise<void> ended;
        app.get("/", [&] {
            return event_source(
                [&](EventWriter) -> Task<> {
                    const Told told{ended};
                    co_await sleep(1h);
                },
                1ms);
        });
        const RunningServer server = app.start({.port = 0});
        {
            Client client(server.port());
            client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client.read_head();
            for (int i = 0; i < 3; ++i) client.read_until(": ping\n\n");
        }
        ended.get_future().wait();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace proapi
