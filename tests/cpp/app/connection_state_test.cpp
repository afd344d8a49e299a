// What a connection's handles share. Its end is raised in its own handler, and what that waits for, by its sends: those
// of anybody else, the tasks which the handler spawned included, are dropped. And what other threads may ask of it.
#include <gtest/gtest.h>

#include <any>
#include <functional>
#include <future>
#include <limits>
#include <thread>

#include "client.hpp"
#include "tests/cpp/replaced_new.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::error_on_another_thread;
using tests::largest_block;

std::string outcome_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const WebSocketDisconnect& e) {
        return "disconnect " + std::to_string(e.code());
    } catch (const std::exception& e) {
        return e.what();
    }
}

Task<std::string> try_send(WebSocketConnection websocket) {
    std::string outcome;
    try {
        outcome = co_await websocket.send_text("x") ? "sent" : "dropped";
    } catch (...) {
        outcome = outcome_of(std::current_exception());
    }
    co_return outcome;
}

// A subject that waits until it is gone and then sends in its handler, in a child and in a task that it spawns.
struct Subject {
    std::optional<WebSocketConnection> websocket;
    std::promise<std::vector<std::string>> told;
    std::promise<void> gone;

    Task<> serve(WebSocketConnection connection) {
        websocket = connection;
        co_await connection.accept();
        co_await connection.send_text("ready");
        co_await connection.wait_closed();
        std::vector<std::string> outcomes;
        outcomes.push_back(co_await try_send(connection));
        outcomes.push_back(std::get<0>(co_await when_all(try_send(connection))));
        spawn(note(connection, &outcomes));
        while (outcomes.size() < 3) co_await sleep(1ms);
        told.set_value(outcomes);
        gone.set_value();
    }
    static Task<> note(WebSocketConnection connection, std::vector<std::string>* outcomes) {
        std::string outcome = co_await try_send(connection);
        outcomes->push_back(outcome);
    }
};

void expect_ownership_rule(bool peer_resets) {
    ProAPI app;
    Subject subject;
    app.websocket("/subject", [&](WebSocketConnection websocket) { return subject.serve(websocket); });
    app.get("/other", [&]() -> Task<std::string> { co_return co_await try_send(*subject.websocket); });
    app.websocket("/neighbour", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        std::string outcome = co_await try_send(*subject.websocket);
        co_await websocket.send_text(outcome);
        outcome = co_await try_send(*subject.websocket);
        co_await websocket.send_text(outcome);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/subject");
    EXPECT_EQ(client.read_text(), "ready");
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/other")), "sent");
    EXPECT_EQ(client.read_text(), "x");
    if (peer_resets) {
        client.reset();
    } else {
        client.finish(4100);
    }
    const std::string code = peer_resets ? "disconnect 1006" : "disconnect 4100";
    EXPECT_EQ(subject.told.get_future().get(), (std::vector<std::string>{code, code, "dropped"}));
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/other")), "dropped");
    Client neighbour(server.port(), "/neighbour");
    EXPECT_EQ(neighbour.read_text(), "dropped");
    EXPECT_EQ(neighbour.read_text(), "dropped");
    EXPECT_EQ(neighbour.read_close(), 1000);
}

TEST(ConnectionState, AfterAClose) {
    expect_ownership_rule(false);
}
TEST(ConnectionState, AfterALoss) {
    expect_ownership_rule(true);
}

// promise: cpp-spawned-tasks
TEST(ConnectionState, InSpawnedTasksAReceiveRaisesAndASendIsDropped) {
    ProAPI app;
    std::promise<std::vector<std::string>> told;
    const auto note_end = [&](WebSocketConnection websocket) -> Task<> {
        std::vector<std::string> outcomes;
        try {
            static_cast<void>(co_await websocket.receive_text());
        } catch (...) {
            outcomes.push_back(outcome_of(std::current_exception()));
        }
        outcomes.push_back(co_await try_send(websocket));
        outcomes.push_back(std::get<0>(co_await when_all(try_send(websocket))));
        told.set_value(outcomes);
    };
    const auto serve = [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.wait_closed();
    };
    // A handler that is not a coroutine itself.
    app.websocket("/", [&](WebSocketConnection websocket) {
        Task<> serving = serve(websocket);
        spawn(
            [&note_end](WebSocketConnection subject) -> Task<> {
                co_await sleep(1ms);
                co_await note_end(subject);
            },
            websocket);
        return serving;
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    client.finish(4100);
    EXPECT_EQ(told.get_future().get(), (std::vector<std::string>{"disconnect 4100", "dropped", "dropped"}));
}

// The first member's handler starts the loop that tells everybody, and ends.
// promise: cpp-spawned-tasks
TEST(ConnectionState, ALoopThatTheFirstMemberStartedGoesOn) {
    ProAPI app;
    std::vector<WebSocketConnection> members;
    std::promise<void> first_has_ended;
    const auto tell_all = [&]() -> Task<> {
        while (true) {
            for (const WebSocketConnection& member : std::vector<WebSocketConnection>(members))
                co_await member.send_text("news");
            co_await sleep(1ms);
        }
    };
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        members.push_back(websocket);  // and never taken out
        const bool is_first = members.size() == 1;
        if (is_first) spawn(tell_all);
        co_await websocket.wait_closed();
        if (is_first) first_has_ended.set_value();
    });
    const RunningServer server = app.start({.port = 0});
    {
        Client first(server.port(), "/");
        EXPECT_EQ(first.read_text(), "news");
        first.reset();
    }
    Client other(server.port(), "/");
    first_has_ended.get_future().wait();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(other.read_text(), "news");
}

// It does nothing but send to a connection that has ended, for ever.
// promise: cpp-spawned-tasks
TEST(ConnectionState, WhoSendsOnRegardlessDoesNotHoldTheLoop) {
    ProAPI app;
    std::promise<void> ended;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        spawn([websocket]() -> Task<> {
            while (true) co_await websocket.send_text("x");
        });
        co_await websocket.wait_closed();
        ended.set_value();
    });
    app.get("/", []() -> Task<std::string> { co_return "here"; });
    RunningServer server = app.start({.port = 0, .workers = 1});
    {
        Client client(server.port(), "/");
        EXPECT_EQ(client.read_text(), "x");
        client.reset();
    }
    ended.get_future().wait();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
    server.stop();
    server.wait();  // it is cancelled
}

TEST(ConnectionState, AReceiveOutlivesTheLastHandle) {
    ProAPI app;
    std::optional<WebSocketConnection> kept;
    std::promise<void> opened;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        kept = std::move(websocket);
        opened.set_value();
        co_await sleep(1ms);
    });
    app.get("/", [&]() -> Task<std::string> {
        auto receiving = kept->receive_text();
        co_await kept->wait_closed();
        kept.reset();
        std::string outcome;
        try {
            co_await sleep(1ms);
            outcome = co_await receiving;
        } catch (...) {
            outcome = outcome_of(std::current_exception());
        }
        co_return outcome;
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    opened.get_future().wait();
    EXPECT_EQ(client.read_close(), 1000);
    client.finish();
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "disconnect 1000");
}

TEST(ConnectionState, HandlesOutliveTheConnection) {
    ProAPI app;
    std::optional<WebSocketConnection> kept;
    app.websocket("/{room}", [&](WebSocketConnection websocket, std::string) -> Task<> {
        kept = websocket;
        websocket.user_data()["n"] = 5;
        co_await websocket.accept();
        co_await websocket.receive_text();
    });
    {
        const RunningServer server = app.start({.port = 0});
        Client client(server.port(), "/lobby?a=1");
        client.finish(1000);
    }
    // The server is gone too.
    EXPECT_TRUE(kept->closed());
    EXPECT_EQ(kept->close_code(), 1000);
    EXPECT_EQ(kept->path(), "/lobby");
    EXPECT_EQ(kept->query_params()["a"], "1");
    EXPECT_EQ(std::any_cast<int>(kept->user_data()["n"]), 5);
    EXPECT_EQ(*kept, WebSocketConnection(*kept));
    kept->send_text("nowhere");
    kept->close();
    EXPECT_THROW(kept->accept(), WebSocketStateError);
}

TEST(ConnectionState, LeavingHandlersDoNotDisturbABroadcast) {
    ProAPI app;
    std::vector<WebSocketConnection> members;
    app.websocket("/room", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        members.push_back(websocket);  // and never taken out
        while (true) {
            const std::string text = co_await websocket.receive_text();
            for (const WebSocketConnection& member : std::vector<WebSocketConnection>(members))
                co_await member.send_text(text);
        }
    });
    const RunningServer server = app.start({.port = 0});
    Client stays(server.port(), "/room");
    for (int i = 0; i < 50; ++i) {
        Client leaves(server.port(), "/room");
        leaves.send(std::to_string(i));
        EXPECT_EQ(stays.read_text(), std::to_string(i));
        if (i % 2) leaves.reset();
        stays.send("to all");
        EXPECT_EQ(stays.read_text(), "to all");
    }
    stays.finish();
}

// promise: cpp-buffered-amount-on-any-thread
TEST(BufferedAmount, AProducerSeesItsOwnSendsAtOnce) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    std::promise<void> go_on;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.receive_text();
        opened.set_value(websocket);
        go_on.get_future().wait();  // as a handler that computes would
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    client.send("compute");
    const WebSocketConnection websocket = opened.get_future().get();
    EXPECT_EQ(websocket.buffered_amount(), 0U);
    for (int i = 1; i <= 3; ++i) {
        websocket.send_text(std::string(100'000, 'x'));
        EXPECT_EQ(websocket.buffered_amount(), 100'000U * static_cast<std::size_t>(i));
    }
    go_on.set_value();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_text().size(), 100'000U);
    while (websocket.buffered_amount() > 0) std::this_thread::yield();
    client.finish();
    while (!websocket.closed()) std::this_thread::yield();
    EXPECT_EQ(websocket.buffered_amount(), 0U);
}

// promise: cpp-buffered-amount-on-any-thread
TEST(BufferedAmount, AProducerPacesItself) {
    constexpr std::size_t count = 300, size = 100'000, most = 500'000;
    constexpr auto pause = 1ms;
    ProAPI app;
    app.setting("max_buffered", "2000000");
    std::promise<WebSocketConnection> opened;
    test::add_waiting_handler(app, opened);
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    const WebSocketConnection websocket = opened.get_future().get();
    std::thread producer([&] {
        for (std::size_t i = 0; i < count; ++i) {
            while (!websocket.closed() && websocket.buffered_amount() > most) std::this_thread::sleep_for(pause);
            websocket.send_text(std::string(size, 'x'));
        }
    });
    std::size_t received = 0;
    for (std::size_t i = 0; i < count; ++i) received += client.read_text().size();
    producer.join();
    EXPECT_EQ(received, count * size);
    client.finish();
}

TEST(ConnectionState, AReceiveWhoseMessageCantBeHeldEnds) {
    ProAPI app;
    std::promise<int> told;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.send_text("ready");
        int code = 0;
        try {
            largest_block = 10'000;
            co_await websocket.receive_text();
        } catch (const WebSocketDisconnect& end) {
            code = end.code();
        }
        largest_block = std::numeric_limits<std::size_t>::max();
        told.set_value(code);
    });
    app.setting("shutdown_timeout", "0.05");
    const RunningServer server = app.start({.port = 0});
    test::Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "ready");
    client.send(std::string(20'000, 'x'));
    auto found = told.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), 1006);
}

// promise: cpp-other-thread
TEST(ConnectionState, WhatBelongsToItsThreadIsRefusedOnAnother) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        const std::vector<std::pair<std::string, std::function<void()>>> calls = {
            {"accept()", [&] { websocket.accept(); }},
            {"reject()", [&] { websocket.reject(); }},
            {"state()", [&] { static_cast<void>(websocket.state()); }},
            {"user_data()", [&] { static_cast<void>(websocket.user_data()); }},
            {"close_code()", [&] { static_cast<void>(websocket.close_code()); }},
            {"close_reason()", [&] { static_cast<void>(websocket.close_reason()); }},
            {"subprotocol()", [&] { static_cast<void>(websocket.subprotocol()); }},
            {"receive", [&] { static_cast<void>(websocket.receive_text().await_ready()); }},
            {"wait_closed()", [&] { static_cast<void>(websocket.wait_closed().await_ready()); }},
        };
        for (const auto& [name, call] : calls) {
            EXPECT_EQ(error_on_another_thread(call),
                      name + ": expected to be called on the connection's own thread, got another one");
        }
        co_await websocket.send_text("done");
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "done");
    EXPECT_EQ(client.read_close(), 1000);
}

// Its own thread may have ended with it.
TEST(ConnectionState, AfterTheEndAnyThreadMayAskHowItEnded) {
    ProAPI app;
    std::promise<WebSocketConnection> ended;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept("chat");
        websocket.state()["n"] = 5;
        co_await websocket.wait_closed();
        ended.set_value(websocket);
    });
    RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/", "Sec-WebSocket-Protocol: chat\r\n");
    client.send(std::string("\x10\x04", 2) + "bye", 8);
    EXPECT_EQ(client.read_close(), 4100);
    client.end_sending();
    const WebSocketConnection websocket = ended.get_future().get();
    for (const bool is_over : {false, true}) {
        if (is_over) {
            server.stop();
            server.wait();
        }
        EXPECT_TRUE(websocket.closed());
        EXPECT_EQ(websocket.close_code(), 4100);
        EXPECT_EQ(websocket.close_reason(), "bye");
        EXPECT_EQ(websocket.subprotocol(), "chat");
        EXPECT_EQ(websocket.buffered_amount(), 0U);
        EXPECT_EQ(std::any_cast<int>(websocket.state().at("n")), 5);
    }
}

// The view of the request is made by who asks first.
TEST(ConnectionState, ThreadsThatAskAtOnceSeeOneRequest) {
    ProAPI app;
    app.websocket("/{room}", [](WebSocketConnection websocket, std::string) -> Task<> {
        co_await websocket.accept();
        const std::string* seen[8] = {};
        {
            std::vector<std::jthread> threads;
            for (const std::string*& place : seen)
                threads.emplace_back([&place, websocket] { place = &websocket.path(); });
        }
        for (const std::string* path : seen) EXPECT_EQ(path, &websocket.path());
        EXPECT_EQ(websocket.path(), "/lobby");
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(Client(server.port(), "/lobby").read_close(), 1000);
}

TEST(ConnectionState, ACloseFromAnotherThreadIsCheckedThereAndDoneSoon) {
    ProAPI app;
    std::promise<int> told;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        EXPECT_EQ(error_on_another_thread([&] { websocket.close(1006); }),
                  "close(): expected a code of 1000-1003, 1007-1014 or 3000-4999, got 1006");
        EXPECT_EQ(error_on_another_thread([&] { websocket.close(70'000); }),
                  "close(): expected a code of 1000-1003, 1007-1014 or 3000-4999, got 70000");
        EXPECT_NE(error_on_another_thread([&] { websocket.close(1000, std::string(124, 'r')); }), "none");
        EXPECT_NE(error_on_another_thread([&] { websocket.close(1000, "\xff"); }), "none");
        EXPECT_FALSE(websocket.closed());
        std::thread([&] {
            websocket.close(4001, "first");
            websocket.close(4002, "second");
        }).join();
        EXPECT_FALSE(websocket.closed());  // soon, not now
        int code = 0;
        try {
            co_await websocket.receive_text();
        } catch (const WebSocketDisconnect& end) {
            code = end.code();
        }
        told.set_value(code);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_close(), 4001);
    client.finish(4001);
    EXPECT_EQ(told.get_future().get(), 4001);
}

}  // namespace
}  // namespace proapi
