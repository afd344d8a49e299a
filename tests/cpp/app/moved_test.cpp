// What was moved from is refused with an exception where it is used: in that handler alone.
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <thread>
#include <unordered_set>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::run_in_handler;

using Use = std::function<Task<>(const WebSocketConnection&)>;

template <class Call>
Use use(Call call) {
    return [call](const WebSocketConnection& moved) -> Task<> {
        call(moved);
        co_return;
    };
}

const std::vector<std::pair<std::string, Use>>& uses() {
    static const std::vector<std::pair<std::string, Use>> all = {
        {"accept", use([](const auto& moved) { moved.accept(); })},
        {"reject", use([](const auto& moved) { moved.reject(); })},
        {"close", use([](const auto& moved) { moved.close(); })},
        {"send_text", use([](const auto& moved) { moved.send_text("x"); })},
        {"send_bytes", use([](const auto& moved) { moved.send_bytes({}); })},
        {"send_json", use([](const auto& moved) { moved.send_json(1); })},
        {"receive_text", use([](const auto& moved) { static_cast<void>(moved.receive_text()); })},
        {"receive_bytes", use([](const auto& moved) { static_cast<void>(moved.receive_bytes()); })},
        {"receive_json", use([](const auto& moved) { static_cast<void>(moved.template receive_json<int>()); })},
        {"receive", use([](const auto& moved) { static_cast<void>(moved.receive()); })},
        {"next", use([](const auto& moved) { static_cast<void>(moved.next()); })},
        {"next_text", use([](const auto& moved) { static_cast<void>(moved.next_text()); })},
        {"next_bytes", use([](const auto& moved) { static_cast<void>(moved.next_bytes()); })},
        {"next_json", use([](const auto& moved) { static_cast<void>(moved.next_json()); })},
        {"wait_closed", use([](const auto& moved) { static_cast<void>(moved.wait_closed()); })},
        {"path", use([](const auto& moved) { static_cast<void>(moved.path()); })},
        {"path_params", use([](const auto& moved) { static_cast<void>(moved.path_params()); })},
        {"query_params", use([](const auto& moved) { static_cast<void>(moved.query_params()); })},
        {"headers", use([](const auto& moved) { static_cast<void>(moved.headers()); })},
        {"cookies", use([](const auto& moved) { static_cast<void>(moved.cookies()); })},
        {"subprotocols", use([](const auto& moved) { static_cast<void>(moved.subprotocols()); })},
        {"client", use([](const auto& moved) { static_cast<void>(moved.client()); })},
        {"url", use([](const auto& moved) { static_cast<void>(moved.url()); })},
        {"state", use([](const auto& moved) { static_cast<void>(moved.state()); })},
        {"user_data", use([](const auto& moved) { static_cast<void>(moved.user_data()); })},
        {"closed", use([](const auto& moved) { static_cast<void>(moved.closed()); })},
        {"close_code", use([](const auto& moved) { static_cast<void>(moved.close_code()); })},
        {"close_reason", use([](const auto& moved) { static_cast<void>(moved.close_reason()); })},
        {"subprotocol", use([](const auto& moved) { static_cast<void>(moved.subprotocol()); })},
        {"buffered_amount", use([](const auto& moved) { static_cast<void>(moved.buffered_amount()); })},
    };
    return all;
}

// promise: cpp-moved-from
TEST(MovedFrom, AConnectionFailsItsHandlerAlone) {
    ProAPI app;
    app.websocket("/{use}", [](WebSocketConnection websocket, std::string wanted) -> Task<> {
        co_await websocket.accept();
        const WebSocketConnection kept = std::move(websocket);
        for (const auto& [name, call] : uses())
            if (name == wanted) co_await call(websocket);
    });
    app.websocket("/early/{use}", [](WebSocketConnection websocket, std::string wanted) -> Task<> {
        const WebSocketConnection kept = std::move(websocket);
        for (const auto& [name, call] : uses())
            if (name == wanted) co_await call(websocket);
    });
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        while (true) co_await websocket.send_text(co_await websocket.receive_text());
    });
    const RunningServer server = app.start({.port = 0});
    Client other(server.port(), "/");
    for (const auto& [name, call] : uses()) {
        EXPECT_EQ(Client(server.port(), "/" + name).read_close(), 1011) << name;
        EXPECT_EQ(Client(server.port(), "/early/" + name).status(), 500) << name;
        other.send(name);
        EXPECT_EQ(other.read_text(), name);
    }
}

// promise: cpp-moved-from
TEST(MovedFrom, AConnectionNamesTheCallAndCanBeCompared) {
    ProAPI app;
    std::promise<std::string> told;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        WebSocketConnection kept = std::move(websocket);
        EXPECT_NE(kept, websocket);
        const std::unordered_set<WebSocketConnection> all{kept, websocket};
        EXPECT_EQ(all.size(), 2U);
        auto receiving = kept.receive_text();
        const auto moved = std::move(receiving);
        EXPECT_THROW(static_cast<void>(co_await receiving), WebSocketStateError);
        try {
            websocket.send_text("x");
        } catch (const WebSocketStateError& error) {
            told.set_value(error.what());
        }
        websocket = kept;
        co_await websocket.send_text("again");
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "again");
    EXPECT_EQ(told.get_future().get(), "send_text(): expected a WebSocketConnection, got one that was moved from");
}

// promise: cpp-moved-from
TEST(MovedFrom, ARequestIsA500) {
    ProAPI app;
    using Call = std::function<void(const Request&)>;
    const std::vector<std::pair<std::string, Call>> calls = {
        {"method", [](const Request& moved) { static_cast<void>(moved.method()); }},
        {"path", [](const Request& moved) { static_cast<void>(moved.path()); }},
        {"path_params", [](const Request& moved) { static_cast<void>(moved.path_params()); }},
        {"query_params", [](const Request& moved) { static_cast<void>(moved.query_params()); }},
        {"headers", [](const Request& moved) { static_cast<void>(moved.headers()); }},
        {"cookies", [](const Request& moved) { static_cast<void>(moved.cookies()); }},
        {"client", [](const Request& moved) { static_cast<void>(moved.client()); }},
        {"url", [](const Request& moved) { static_cast<void>(moved.url()); }},
        {"body", [](const Request& moved) { static_cast<void>(moved.body()); }},
        {"json", [](const Request& moved) { static_cast<void>(moved.json()); }},
        {"form", [](const Request& moved) { static_cast<void>(moved.form()); }},
        {"files", [](const Request& moved) { static_cast<void>(moved.files()); }},
    };
    for (const auto& [name, call] : calls) {
        app.get("/in-thread/" + name, [&call](Request request) {
            const Request kept = std::move(request);
            call(request);
        });
        app.get("/coroutine/" + name, [&call](Request request) -> Task<> {
            const Request kept = std::move(request);
            call(request);
            co_return;
        });
    }
    const RunningServer server = app.start({.port = 0});
    for (const auto& [name, call] : calls) {
        EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/in-thread/" + name)), 500) << name;
        EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/coroutine/" + name)), 500) << name;
    }
}

// promise: cpp-moved-from
TEST(MovedFrom, AWriterATaskAndAHandle) {
    ProAPI app;
    app.get("/", [] {
        return Response::stream([](BodyWriter body) -> Task<> {
            const BodyWriter kept = std::move(body);
            EXPECT_THROW(body.write("x"), std::logic_error);
            auto writing = kept.write("y");
            auto moved = std::move(writing);
            EXPECT_THROW(static_cast<void>(co_await writing), std::logic_error);
            EXPECT_TRUE(co_await moved);
        });
    });
    RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "1\r\ny\r\n0\r\n\r\n");
    const RunningServer kept = std::move(server);
    EXPECT_THROW(static_cast<void>(server.port()), std::logic_error);
    EXPECT_THROW(server.stop(), std::logic_error);
    EXPECT_THROW(server.wait(), std::logic_error);
    run_in_handler([]() -> Task<> {
        TaskHandle handle = spawn([]() -> Task<> { co_return; }());
        const TaskHandle moved = std::move(handle);
        EXPECT_TRUE(moved.is_done());
        EXPECT_THROW(static_cast<void>(handle.is_done()), std::logic_error);
        EXPECT_THROW(handle.cancel(), std::logic_error);
        co_return;
    });
}

std::string refusal_of(const std::function<void()>& call) {
    std::string text = "none";
    std::thread([&] {
        try {
            call();
        } catch (const std::logic_error& error) {
            text = error.what();
        } catch (const WebSocketStateError& error) {
            text = error.what();
        }
    }).join();
    return text;
}

// promise: cpp-other-thread
TEST(AnotherThread, IsRefusedWhereAHandleBelongsToItsOwn) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        const TaskHandle handle = spawn([]() -> Task<> { co_await sleep(1h); }());
        EXPECT_EQ(refusal_of([&] { handle.cancel(); }),
                  "TaskHandle::cancel(): expected to be called on the task's own thread, got another one");
        EXPECT_EQ(refusal_of([&] { static_cast<void>(handle.is_done()); }),
                  "TaskHandle::is_done(): expected to be called on the task's own thread, got another one");
        EXPECT_EQ(refusal_of([&] { static_cast<void>(websocket.state()); }),
                  "state(): expected to be called on the connection's own thread, got another one");
        EXPECT_EQ(refusal_of([&] { static_cast<void>(websocket.user_data()); }),
                  "user_data(): expected to be called on the connection's own thread, got another one");
        EXPECT_FALSE(handle.is_done());
        handle.cancel();
        while (!handle.is_done()) co_await sleep(0ms);
        co_await websocket.send_text("done");
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "done");
}

}  // namespace
}  // namespace proapi
