// app.events(): messages dispatched by their name, replies, sessions, and what invalid messages get.
#include <gtest/gtest.h>

#include <atomic>
#include <tuple>

#include "client.hpp"

namespace proapi {
namespace {

struct DrawMessage {
    int x = 0, y = 0;
};
void from_json(const Json& json, DrawMessage& draw) {
    json.at("x").get_to(draw.x);
    draw.y = json.value("y", 0);
}

struct SayMessage {
    std::string text;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SayMessage, text)

void add_handlers(Events<>& board) {
    board
        .on("draw",
            [](WebSocketConnection websocket, DrawMessage draw) -> Task<> {
                const Json answer = {"draw", draw.x, draw.y};
                co_await websocket.send_json(answer);
            })
        .on("say", [](SayMessage say) -> Task<std::string> { co_return say.text; })
        .on("whole", [](Json message) -> Task<Json> { co_return message; })
        .on("version", []() -> Task<int> { co_return 1; })
        .on("refuse",
            []() -> Task<> {
                throw EventError("no such room");
                co_return;
            })
        .on("fail", []() -> Task<> {
            throw std::out_of_range("lost");
            co_return;
        });
}

class EventsTest : public testing::Test {
protected:
    // A client of the route, once the application serves.
    test::Client& client(const std::string& target = "/ws") {
        if (!server_) server_.emplace(app_.start({.port = 0}));
        return client_.emplace(server_->port(), target);
    }
    Json ask(const std::string& message) {
        client_->send(message);
        return parse_json(client_->read_text());
    }

    ProAPI app_;
    std::optional<RunningServer> server_;
    std::optional<test::Client> client_;
};

// promise: events
TEST_F(EventsTest, MessagesReachTheHandlerOfTheirNameWithTypedArguments) {
    add_handlers(app_.events("/ws"));
    EXPECT_EQ(client().status(), 101);
    EXPECT_EQ(ask(R"({"type": "draw", "x": 1})"), Json::parse(R"(["draw", 1, 0])"));
    EXPECT_EQ(ask(R"({"type": "say", "text": "hello", "id": 7})"),
              Json::parse(R"({"type": "reply", "id": 7, "result": "hello"})"));
    EXPECT_EQ(ask(R"({"type": "whole", "id": "a", "other": 1})")["result"],
              Json::parse(R"({"type": "whole", "id": "a", "other": 1})"));
    EXPECT_EQ(ask(R"({"type": "version", "id": null})"), Json::parse(R"({"type": "reply", "id": null, "result": 1})"));
    client_->send("\xef\xbb\xbf{\"type\": \"draw\", \"x\": 1, \"y\": 2, \"id\": [1]}", 2);
    EXPECT_EQ(client_->read_text(), R"(["draw",1,2])");
    EXPECT_EQ(parse_json(client_->read_text()), Json::parse(R"({"type": "reply", "id": [1], "result": null})"));
}

// promise: events
TEST_F(EventsTest, WhatIsInvalidGetsAnErrorAndTheConnectionGoesOn) {
    add_handlers(app_.events("/ws"));
    client();
    EXPECT_EQ(ask(R"({"type": "fly", "id": 1})"), Json::parse(R"({"type": "error", "id": 1,
                  "detail": "expected one of draw, say, whole, version, refuse, fail, got fly"})"));
    EXPECT_EQ(ask(R"({"type": "draw"})"), Json::parse(R"({"type": "error", "detail": [{"type": "missing",
                  "loc": ["x"], "msg": "Field required", "input": {"type": "draw"}}]})"));
    EXPECT_EQ(ask(R"({"type": "draw", "x": "1", "id": 2})")["id"], 2);
    EXPECT_EQ(ask(R"({"x": 1})"), Json::parse(R"({"type": "error", "detail": [{"type": "missing",
                  "loc": ["type"], "msg": "Field required", "input": {"x": 1}}]})"));
    EXPECT_EQ(ask("{")["detail"][0]["type"], "json_invalid");
    client_->send("\"\xff\"", 2);
    EXPECT_EQ(parse_json(client_->read_text())["detail"][0]["type"], "json_invalid");
    EXPECT_EQ(ask("[1]")["detail"][0]["type"], "dict_type");
    EXPECT_EQ(ask(R"({"type": 7})")["detail"][0], Json::parse(R"({"type": "string_type", "loc": ["type"],
                  "msg": "Input should be a valid string", "input": 7})"));
    EXPECT_EQ(ask(R"({"type": "refuse", "id": 3})"),
              Json::parse(R"({"type": "error", "id": 3, "detail": "no such room"})"));
    EXPECT_EQ(ask(R"({"type": "refuse"})"), Json::parse(R"({"type": "error", "detail": "no such room"})"));
    EXPECT_EQ(ask(R"({"type": "say", "text": "still here", "id": 4})")["result"], "still here");
}

// promise: events
TEST_F(EventsTest, OrClosesTheConnection) {
    for (const char* message : {R"({"type": "draw"})", R"({"type": "fly", "id": 1})", "{", "[]"}) {
        ProAPI app;
        add_handlers(app.events("/ws", EventsOptions{.invalid = InvalidMessage::close}));
        const RunningServer server = app.start({.port = 0});
        test::Client client(server.port(), "/ws");
        client.send(R"({"type": "refuse", "id": 1})");
        EXPECT_EQ(parse_json(client.read_text())["detail"], "no such room") << "the handler's own refusal is answered";
        client.send(message);
        EXPECT_EQ(client.read_close(), 1007) << message;
    }
}

// promise: events
TEST_F(EventsTest, AHandlerThatFails) {
    add_handlers(app_.events("/ws"));
    client();
    EXPECT_EQ(ask(R"({"type": "fail", "id": 1})"),
              Json::parse(R"({"type": "error", "id": 1, "detail": "internal error"})"));
    EXPECT_EQ(ask(R"({"type": "version", "id": 2})")["result"], 1);
    client_->send(R"({"type": "fail"})");
    EXPECT_EQ(client_->read_close(), 1011);
}

struct PlayerSession {
    std::string room;
    int moves = 0;
    std::shared_ptr<std::promise<int>> left;
    PlayerSession(std::string name, std::shared_ptr<std::promise<int>> end)
        : room(std::move(name)), left(std::move(end)) {}
    PlayerSession(PlayerSession&&) = default;
    PlayerSession& operator=(PlayerSession&&) = delete;
    ~PlayerSession() {
        if (left) left->set_value(moves);
    }
};

// promise: events
TEST_F(EventsTest, ASessionLivesAsLongAsItsConnection) {
    auto left = std::make_shared<std::promise<int>>();
    app_.events("/rooms/{room}",
                [left](WebSocketConnection websocket, std::string room,
                       Query<std::string, "token", ""> token) -> Task<PlayerSession> {
                    if (token->empty()) throw HTTPException(401, "who are you?");
                    const Headers headers = {{"X-Room", room}};
                    co_await websocket.accept(std::nullopt, headers);
                    co_return PlayerSession(room, left);
                })
        .on("draw", [](PlayerSession& player, DrawMessage draw) -> Task<int> { co_return player.moves += draw.x; })
        .on("room", [](WebSocketConnection websocket, const PlayerSession& player) -> Task<std::string> {
            co_return player.room + " " + websocket.path();
        });
    EXPECT_EQ(client("/rooms/lobby").status(), 401);
    EXPECT_EQ(client("/rooms/lobby?token=ada").status(), 101);
    EXPECT_NE(client_->head().find("X-Room: lobby"), std::string::npos);
    EXPECT_EQ(ask(R"({"type": "draw", "x": 2, "id": 1})")["result"], 2);
    EXPECT_EQ(ask(R"({"type": "draw", "x": 3, "id": 2})")["result"], 5);
    EXPECT_EQ(ask(R"({"type": "room", "id": 3})")["result"], "lobby /rooms/lobby");
    client_->finish();
    EXPECT_EQ(left->get_future().get(), 5);
}

// promise: events
TEST_F(EventsTest, TheFirstFunctionMayRefuse) {
    app_.events("/ws", [](WebSocketConnection websocket) -> Task<> { co_await websocket.reject(409, "full"); })
        .on("version", []() -> Task<int> { co_return 1; });
    EXPECT_EQ(client().status(), 409);
}

// promise: events
TEST_F(EventsTest, JsonRpc) {
    using Numbers = std::tuple<int, int>;
    auto& rpc = app_.events("/ws", {.tag = "method", .data = "params", .batch = true});
    rpc.reply([](const Json& id, const Json& result) -> Json {
        return {{"jsonrpc", "2.0"}, {"id", id}, {"result", result}};
    });
    rpc.error([](const Json& id, const EventError& error) -> std::optional<Json> {
        if (error.kind() == "refused") return std::nullopt;
        return Json{{"id", id}, {"kind", error.kind()}, {"text", error.what()}};
    });
    rpc.on("subtract", [](Numbers numbers) -> Task<int> { co_return std::get<0>(numbers) - std::get<1>(numbers); });
    rpc.on("say", [](SayMessage say) -> Task<std::string> { co_return say.text; });
    rpc.on("version", []() -> Task<std::string> { co_return "1"; });
    rpc.on("refuse", []() -> Task<> {
        throw EventError("no");
        co_return;
    });
    client();
    EXPECT_EQ(ask(R"({"method": "subtract", "params": [42, 23], "id": 1})"),
              Json::parse(R"({"jsonrpc": "2.0", "id": 1, "result": 19})"));
    EXPECT_EQ(ask(R"({"method": "say", "params": {"text": "a"}, "id": 2})")["result"], "a");
    EXPECT_EQ(ask(R"({"method": "version", "id": 3})")["result"], "1");
    EXPECT_EQ(ask(R"({"method": "say", "id": 4})"),
              Json::parse(R"({"id": 4, "kind": "invalid", "text": "text: Field required"})"));
    EXPECT_EQ(ask(R"([{"method": "subtract", "params": [1, 1], "id": 5}, {"method": "version"}, 7,
                      {"method": "refuse", "id": 6}, {"method": "add", "id": 8}])"),
              Json::parse(R"([{"jsonrpc": "2.0", "id": 5, "result": 0},
                  {"id": null, "kind": "malformed", "text": "the message: Input should be a valid dictionary"},
                  {"id": 8, "kind": "unknown", "text": "expected one of subtract, say, version, refuse, got add"}])"));
    client_->send(R"([{"method": "version"}])");  // nothing to answer
    EXPECT_EQ(ask("[]")["kind"], "malformed");
    std::string most = "[0", more = "[0,0";
    for (int i = 1; i < 1000; ++i) {
        most += ",0";
        more += ",0";
    }
    EXPECT_EQ(ask(most + "]").size(), 1000U);
    EXPECT_EQ(ask(more + "]")["text"], "the message: List should have at most 1000 items, not 1001");
}

// promise: events
TEST_F(EventsTest, NoDepthOfAMessageEndsTheConnection) {
    add_handlers(app_.events("/ws"));
    client();
    for (std::size_t depth = max_json_depth - 30; depth <= max_json_depth + 1; ++depth) {
        const std::string nested = std::string(depth, '[') + std::string(depth, ']');
        EXPECT_TRUE(ask(R"({"type": "fly", "id": )" + nested + "}").contains("detail")) << depth;
        EXPECT_TRUE(ask(R"({"type": "draw", "more": )" + nested + "}").contains("detail")) << depth;
        EXPECT_EQ(ask(nested)["type"], "error") << depth;
    }
    EXPECT_EQ(ask(R"({"type": "version", "id": 1})")["result"], 1);
}

// promise: events
TEST(Events, RefusesWhatCantWork) {
    ProAPI app;
    Events<>& events = app.events("/ws");
    const auto handler = []() -> Task<> { co_return; };
    events.on("draw", handler);
    EXPECT_NE(test::error_of([&] {
                  events.on("draw", handler);
              }).find("message \"draw\": expected one handler for each name, but it has one: "),
              std::string::npos);
    EXPECT_EQ(test::error_of([&] { app.events("/same", EventsOptions{.tag = "id"}); }),
              "events(): expected different names of members as tag, data and id, got id and id");
    EXPECT_EQ(test::error_of([&] { app.events("/same", EventsOptions{.data = "id"}); }),
              "events(): expected different names of members as tag, data and id, got type, id and id");
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::error_of([&] { events.on("late", handler); }),
              "on(): expected before start(), got it while the app serves");
}

}  // namespace
}  // namespace proapi
