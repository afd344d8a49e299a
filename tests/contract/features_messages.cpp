// The routes whose messages are dispatched by their name, as in features_messages.py.
#include <tuple>

#include "features.hpp"

namespace features {

using proapi::Json;
using proapi::Task;
using proapi::WebSocketConnection;

namespace {

struct Draw {
    int x = 0, y = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Draw, x, y)

std::vector<std::string> rooms_left;  // the contract application has one worker

// Whoever is in a room.
class Visit {
public:
    explicit Visit(std::string room) : room_(std::move(room)) {}
    Visit(Visit&&) = default;
    Visit& operator=(Visit&&) = delete;
    ~Visit() {
        if (!room_.empty()) rooms_left.push_back(room_);
    }
    [[nodiscard]] const std::string& room() const { return room_; }

private:
    std::string room_;
};

void register_board(proapi::ProAPI& app) {
    app.events("/features/board/{room}",
               [](WebSocketConnection, std::string room) -> Task<Visit> {
                   if (room == "locked") throw proapi::HTTPException(403, "The room is locked.");
                   co_return Visit(room);
               })
        .on("draw",
            [](WebSocketConnection websocket, Draw what) -> Task<> {
                const Json drawn = {"draw", what.x, what.y};
                co_await websocket.send_json(drawn);
            })
        .on("room", [](const Visit& visit) -> Task<std::string> { co_return visit.room(); })
        .on("refuse",
            []() -> Task<> {
                throw proapi::EventError("no such room");
                co_return;
            })
        .on("fail", []() -> Task<> {
            throw std::out_of_range("asked to fail");
            co_return;
        });
    app.get("/features/board-left", []() -> Task<Json> { co_return Json(rooms_left); });
}

}  // namespace

void register_messages(proapi::ProAPI& app) {
    register_board(app);
    using Numbers = std::tuple<int, int>;
    app.events("/features/rpc", {.tag = "method", .data = "params", .batch = true})
        .reply(
            [](const Json& id, const Json& result) { return Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", result}}; })
        .error([](const Json& id, const proapi::EventError& error) {
            return Json{{"jsonrpc", "2.0"}, {"id", id}, {"error", error.kind()}};
        })
        .on("subtract", [](Numbers given) -> Task<int> { co_return std::get<0>(given) - std::get<1>(given); });
    app.events("/features/strict", {.invalid = proapi::InvalidMessage::close}).on("draw", [](Draw what) -> Task<int> {
        co_return what.x;
    });
}

}  // namespace features
