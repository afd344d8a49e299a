// A game for many players: everybody steers a square over one field and collects coins.
//
// The server knows the rules, clients only say where they want to go. One task moves all players twenty times a second
// and sends everybody the same picture. Connect to ws://127.0.0.1:8000/game?name=Ada and send {"type": "steer",
// "dx": 1, "dy": 0}. One thread runs everything, so what the handlers share needs no lock.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <proapi/proapi.hpp>
#include <random>
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

struct Steer {
    int dx = 0, dy = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Steer, dx, dy)

class Game {
public:
    bool is_full() const { return players_.size() >= MOST_PLAYERS; }
    // The player leaves when the last copy of the pointer is gone.
    std::shared_ptr<Player> join(const proapi::WebSocket& websocket, std::string name) {
        const auto [x, y] = choose_place();
        Player& player = players_[websocket] = {std::move(name), x, y};
        return {&player, [this, websocket](Player*) { players_.erase(websocket); }};
    }

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

// What is wrong with a member of a message.
proapi::EventError fault(const char* member, const char* text) {
    const Json error = {{"type", "value_error"}, {"loc", {member}}, {"msg", text}};
    return proapi::EventError(text, "invalid", Json::array({error}));
}

bool is_step(int step) {
    return step >= -1 && step <= 1;
}

int main() {
    proapi::ProAPI app;
    Game game;
    app.background([&] { return game.run(); }, "tick");

    const auto connect = [&](proapi::WebSocket websocket,
                             proapi::Query<std::string, "name"> name) -> proapi::Task<std::shared_ptr<Player>> {
        // In UTF-8 every character has one octet that does not continue another.
        const auto size = std::ranges::count_if(*name, [](char octet) { return (octet & 0xC0) != 0x80; });
        if (size < 1 || size > 20) throw proapi::HTTPException(422, "name: Expected 1 to 20 characters");
        if (game.is_full()) throw proapi::HTTPException(503, "The field is full.");
        co_await websocket.accept();
        const Json field = {{"type", "field"}, {"width", WIDTH}, {"height", HEIGHT}};
        co_await websocket.send_json(field);
        co_return game.join(websocket, *name);
    };
    app.events("/game", connect).on("steer", [](const std::shared_ptr<Player>& player, Steer steer) -> proapi::Task<> {
        if (!is_step(steer.dx)) throw fault("dx", "Expected -1, 0 or 1");
        if (!is_step(steer.dy)) throw fault("dy", "Expected -1, 0 or 1");
        player->dx = steer.dx;
        player->dy = steer.dy;
        co_return;
    });

    app.run_or_exit({.fast = true});
}
