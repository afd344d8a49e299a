// A game for many players: everybody steers a square over one field and collects coins.
//
// The server knows the rules, clients only say where they want to go. One task moves all players twenty times a second
// and sends everybody the same picture. Connect to ws://127.0.0.1:8000/game?name=Ada and send {"type": "steer",
// "dx": 1, "dy": 0}. One thread runs everything, so what the handlers share needs no lock.
#include <algorithm>
#include <chrono>
#include <map>
#include <proapi/proapi.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

using proapi::Json;
using Clock = std::chrono::steady_clock;

constexpr int WIDTH = 32, HEIGHT = 18;
constexpr std::chrono::milliseconds TICK{50};
constexpr std::size_t MOST_PLAYERS = 64;
constexpr std::size_t MOST_BEHIND = 64 * 1024;  // octets that may wait for a slow player

struct Player {
    std::string name;
    int x = 0, y = 0, dx = 0, dy = 0, score = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Player, name, x, y, dx, dy, score)

class Game {
public:
    bool is_full() const { return players_.size() >= MOST_PLAYERS; }
    // The player lives until leave().
    Player& join(const proapi::WebSocket& websocket, std::string name) {
        const auto [x, y] = choose_place();
        return players_[websocket] = {std::move(name), x, y};
    }
    void leave(const proapi::WebSocket& websocket) { players_.erase(websocket); }

    proapi::Task<> run() {
        for (auto at = Clock::now();;) {
            at = std::max(at + TICK, Clock::now());  // after a pause the game goes on; it does not catch up
            co_await proapi::sleep(at - Clock::now());
            move();
            show();
        }
    }

private:
    std::pair<int, int> choose_place() {
        return {std::uniform_int_distribution(0, WIDTH - 1)(random_),
                std::uniform_int_distribution(0, HEIGHT - 1)(random_)};
    }
    void move() {
        for (auto& [websocket, player] : players_) {
            player.x = (player.x + player.dx + WIDTH) % WIDTH;
            player.y = (player.y + player.dy + HEIGHT) % HEIGHT;
            if (std::pair(player.x, player.y) != coin_) continue;
            ++player.score;
            coin_ = choose_place();
        }
    }
    // Sends the picture to everybody. A player whose connection is slow misses pictures instead of seeing old ones.
    void show() const {
        Json picture = {{"type", "picture"}, {"coin", coin_}, {"players", Json::array()}};
        for (const auto& [websocket, player] : players_) picture["players"].push_back(player);
        const std::string text = proapi::write_json(picture);
        for (const auto& [websocket, player] : players_) {
            if (websocket.buffered_amount() < MOST_BEHIND) websocket.send_text(text);
        }
    }

    std::map<proapi::WebSocket, Player> players_;
    std::mt19937 random_{std::random_device()()};
    std::pair<int, int> coin_ = choose_place();
};

struct Playing {
    Game& game;
    const proapi::WebSocket websocket;
    ~Playing() { game.leave(websocket); }
};

// What is wrong with a message: a text, or a list of faults with their places.
struct EventError {
    Json detail;
};
EventError fault(const char* type, Json place, const char* text) {
    return {Json::array({{{"type", type}, {"loc", std::move(place)}, {"msg", text}}})};
}

int read_step(const Json& message, const char* name) {
    const Json place = Json::array({name});
    if (!message.contains(name)) throw fault("missing", place, "Field required");
    const Json& step = message.at(name);
    const bool is_step = step.is_number_integer() && (step == -1 || step == 0 || step == 1);
    if (!is_step) throw fault("value_error", place, "Expected -1, 0 or 1");
    return step;
}

// Returns the answer to a message, or null if there is none.
Json answer_to(const std::string& text, Player& player) {
    Json answer;
    try {
        const Json message = proapi::parse_json(text);
        if (!message.is_object()) throw fault("dict_type", Json::array(), "Expected an object");
        if (!message.contains("type")) throw fault("missing", Json::array({"type"}), "Field required");
        const Json& name = message.at("type");
        if (!name.is_string()) throw fault("string_type", Json::array({"type"}), "Expected a string");
        if (message.contains("id")) answer["id"] = message.at("id");
        if (name != "steer") throw EventError{"expected one of steer, got " + name.get<std::string>()};
        const int dx = read_step(message, "dx"), dy = read_step(message, "dy");
        player.dx = dx;
        player.dy = dy;
        if (!answer.is_null()) answer.update({{"type", "reply"}, {"result", nullptr}});
    } catch (const EventError& error) {
        answer.update({{"type", "error"}, {"detail", error.detail}});
    } catch (const std::invalid_argument& error) {
        answer = {{"type", "error"}, {"detail", fault("json_invalid", Json::array(), error.what()).detail}};
    }
    return answer;
}

int main() {
    proapi::ProAPI app;
    Game game;
    app.background([&] { return game.run(); }, "tick");

    app.websocket("/game", [&](proapi::WebSocket websocket, proapi::Query<std::string, "name"> name) -> proapi::Task<> {
        // In UTF-8 every character has one octet that does not continue another.
        const auto size = std::ranges::count_if(*name, [](char octet) { return (octet & 0xC0) != 0x80; });
        const EventError wrong = fault("value_error", {"query", "name"}, "Expected 1 to 20 characters");
        if (size < 1 || size > 20) throw proapi::RequestValidationError(wrong.detail);
        if (game.is_full()) throw proapi::HTTPException(503, "The field is full.");
        co_await websocket.accept();
        const Json field = {{"type", "field"}, {"width", WIDTH}, {"height", HEIGHT}};
        co_await websocket.send_json(field);
        Player& player = game.join(websocket, *name);
        const Playing playing{game, websocket};
        while (const auto text = co_await websocket.next_text()) {
            const Json answer = answer_to(*text, player);
            if (!answer.is_null()) co_await websocket.send_json(answer);
        }
    });

    app.run_or_exit({.fast = true});
}
