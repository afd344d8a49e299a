// A connection's handle: receives and sends that are cancelled, backpressure, two receives at once, JSON that is none,
// and handles that were moved from.
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

TEST(Receive, CancelledOnesLoseNoMessage) {
    ProAPI app;
    app.websocket("/poll", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        while (true) {
            std::string text;
            try {
                text = co_await wait_for(websocket.receive_text(), 0ms);
            } catch (const TimeoutError&) {
                continue;
            }
            co_await websocket.send_text(text);
        }
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/poll");
    for (int i = 0; i < 300; ++i) client.send(std::to_string(i));
    for (int i = 0; i < 300; ++i) ASSERT_EQ(client.read_text(), std::to_string(i));
    client.finish();
}

TEST(Receive, TwoAtOnceAreRefused) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        auto receive = [](WebSocketConnection connection) -> Task<> { co_await connection.receive_text(); };
        const TaskHandle first = spawn(receive(websocket));
        std::string outcome = "none";
        try {
            co_await websocket.receive_text();
        } catch (const WebSocketStateError&) {
            outcome = "refused";
        }
        first.cancel();
        co_await websocket.send_text(outcome);
        outcome = co_await websocket.receive_text();
        co_await websocket.send_text(outcome);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "refused");
    client.send("again");
    EXPECT_EQ(client.read_text(), "again");
    EXPECT_EQ(client.read_close(), 1000);
}

// It cleans up already, and is not told again: so its receive stays.
TEST(Receive, OfOneThatCleansUpSurvivesACancellation) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        bool is_cleaning = false;
        const auto receive_last = [&](WebSocketConnection connection) -> Task<> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                is_cleaning = true;
            }
            co_await connection.send_text("cleaning");
            co_await connection.send_text(co_await connection.receive_text());
        };
        const auto limited = [&]() -> Task<> { co_await wait_for(receive_last(websocket), 1ms); };
        const TaskHandle task = spawn(limited);
        while (!is_cleaning) co_await sleep(1ms);
        task.cancel();
        while (!task.is_done()) co_await sleep(1ms);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "cleaning");
    client.send("the last");
    EXPECT_EQ(client.read_text(), "the last");
    EXPECT_EQ(client.read_close(), 1000);
}

TEST(Send, ACancelledWaitNeitherLosesNorDoubles) {
    ProAPI app;
    constexpr int count = 300;
    std::promise<void> cancelled;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        bool is_first = true;
        for (int i = 0; i < count; ++i) {
            try {
                co_await wait_for(websocket.send_text(std::to_string(i) + std::string(20'000, '.')), 1ms);
            } catch (const TimeoutError&) {
                if (std::exchange(is_first, false)) cancelled.set_value();
            }
            while (websocket.buffered_amount() > 500'000) co_await sleep(1ms);
        }
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    ASSERT_EQ(cancelled.get_future().wait_for(10s), std::future_status::ready);
    for (int i = 0; i < count; ++i) {
        const std::string text = client.read_text();
        ASSERT_EQ(text.substr(0, text.find('.')), std::to_string(i));
    }
    client.finish();
}

TEST(Send, WaitsAboveHighWater) {
    ProAPI app;
    std::atomic<int> sent = 0;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        for (int i = 0; i < 1000; ++i) {
            co_await websocket.send_text(std::string(64 * 1024, 'x'));
            ++sent;
        }
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.read_text().size(), 64U * 1024);
    EXPECT_EQ(client.read_close(), 1000);
    EXPECT_EQ(sent, 1000);
}

// promise: send-awaited-after-the-end
TEST(Send, AwaitedAfterTheEndItDoesNotWait) {
    ProAPI app;
    app.setting("close_timeout", "60");
    std::promise<int> outcome;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        auto sending = websocket.send_text(std::string(16'000'000, 'x'));  // more than the kernel takes
        websocket.close(4000);
        co_await sleep(1ms);  // some turns of the loop: in the first of them, who waited is told
        int code = 0;
        try {
            co_await std::move(sending);
        } catch (const WebSocketDisconnect& end) {
            code = end.code();
        }
        outcome.set_value(code);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");  // and reads no more
    auto found = outcome.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), 4000);
    client.reset();
}

TEST(Send, WrongArgumentsSendNothing) {
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        EXPECT_THROW(websocket.send_text("too early"), WebSocketStateError);
        co_await websocket.accept();
        const Json not_a_number = std::nan("");
        EXPECT_THROW(websocket.send_json(not_a_number), std::invalid_argument);
        EXPECT_THROW(websocket.send_text("\xff"), std::invalid_argument);
        EXPECT_THROW(websocket.close(999), std::invalid_argument);
        EXPECT_THROW(websocket.close(1000, std::string(124, 'x')), std::invalid_argument);
        EXPECT_THROW(websocket.accept(), WebSocketStateError);
        EXPECT_FALSE(websocket.closed());
        co_await websocket.send_text("first");
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "first");
    EXPECT_EQ(client.read_close(), 1000);
}

struct Point {
    int x = 0;
    std::vector<std::uint8_t> levels;
    double weight = 1;
    NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Point, x, levels, weight)
};

struct FromJsonOnly {
    int x = 0;
    friend void from_json(const Json& json, FromJsonOnly& value) { json.at("x").get_to(value.x); }
};

// 0 where a T takes the message, else the close code that it would have.
template <class T>
Task<> receive_typed(WebSocketConnection websocket) {
    co_await websocket.accept();
    while (true) {
        int code = 0;
        try {
            static_cast<void>(co_await websocket.receive_json<T>());
        } catch (const WebSocketMessageError& error) {
            code = error.close_code();
        }
        co_await websocket.send_text(std::to_string(code));
    }
}

// promise: cpp-typed-json
TEST(Receive, TypedJsonRefusesNumbersThatDoNotFit) {
    ProAPI app;
    app.websocket("/int", receive_typed<int>);
    app.websocket("/int64", receive_typed<std::int64_t>);
    app.websocket("/uint8", receive_typed<std::uint8_t>);
    app.websocket("/float", receive_typed<float>);
    app.websocket("/bool", receive_typed<bool>);
    app.websocket("/ints", receive_typed<std::vector<int>>);
    app.websocket("/set", receive_typed<std::set<std::uint8_t>>);
    app.websocket("/map", receive_typed<std::map<int, std::uint8_t>>);
    app.websocket("/point", receive_typed<Point>);
    app.websocket("/points", receive_typed<std::map<std::string, std::vector<Point>>>);
    app.websocket("/from", receive_typed<FromJsonOnly>);
    const RunningServer server = app.start({.port = 0});
    const auto check = [&](const std::string& path, const std::vector<std::string>& taken,
                           const std::vector<std::string>& refused) {
        Client client(server.port(), path);
        for (const std::string& message : taken) {
            client.send(message);
            EXPECT_EQ(client.read_text(), "0") << path << " " << message;
        }
        for (const std::string& message : refused) {
            client.send(message);
            EXPECT_EQ(client.read_text(), "1007") << path << " " << message;
        }
    };
    check("/int", {"3", "-2147483648"}, {"3.7", "3.0", "true", "1e300", "99999999999", "\"3\"", "null", "[3]"});
    check("/int64", {"-9223372036854775808", "9223372036854775807"}, {"9223372036854775808", "18446744073709551615"});
    check("/uint8", {"0", "255"}, {"256", "300", "-1", "false"});
    check("/float", {"1", "0.1", "-1e30", "18446744073709551615"}, {"1e300", "true"});
    check("/bool", {"true"}, {"1"});
    check("/ints", {"[]", "[3,1,2]"}, {"[3,1.5]", "[true]", "[1,99999999999]"});
    check("/set", {"[3,1,2]", "[3,1,3]"}, {"[3,1,2.5]", "[3,1,300]"});
    check("/map", {"[[3,1],[1,2]]"}, {"[[3,1],[1,300]]", "[[3,1],[1.5,2]]"});
    check("/point", {"{}", R"({"x":3,"levels":[1,0],"weight":2})"},
          {R"({"x":3.7})", R"({"x":true})", R"({"x":1e300})", R"({"levels":[1,256]})", R"({"weight":false})"});
    check("/points", {R"({"a":[{"x":1},{}],"b":[]})"}, {R"({"a":[{"x":1.5}]})"});
    check("/from", {R"({"x":3})", R"({"x":3.7})"}, {"{}"});  // it looks for itself, or does not
}

using UseOfMoved = std::function<Task<>(const WebSocketConnection&)>;

template <class Call>
UseOfMoved use(Call call) {
    return [call](const WebSocketConnection& moved) -> Task<> {
        call(moved);
        co_return;
    };
}

const std::vector<std::pair<std::string, UseOfMoved>>& uses() {
    static const std::vector<std::pair<std::string, UseOfMoved>> all = {
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

// As the tasks of a server are at its end: destroyed where it waits, and told nothing.
TEST(Receive, OfATaskThatIsDestroyedTakesNoMessage) {
    struct Owner final : detail::TaskOwner {
        std::coroutine_handle<> on_done() noexcept override { return std::noop_coroutine(); }
    };
    ProAPI app;
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        {
            Owner owner;
            Task<> task = [](WebSocketConnection connection) -> Task<> {
                co_await connection.receive_text();
            }(websocket);
            detail::TaskAccess::start(task, owner);
        }
        co_await websocket.send_text("ready");
        const std::string text = co_await websocket.receive_text();
        co_await websocket.send_text(text);
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "ready");
    client.send("to the handler");
    EXPECT_EQ(client.read_text(), "to the handler");
    EXPECT_EQ(client.read_close(), 1000);
}

}  // namespace
}  // namespace proapi
