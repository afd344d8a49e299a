// A chat room in application code: all members get what any member sends as JSON.
#include <algorithm>
#include <map>
#include <proapi/proapi.hpp>
#include <string>
#include <vector>

using Members = std::vector<proapi::WebSocketConnection>;

int main() {
    proapi::ProAPI app;
    std::map<std::string, Members> connections;

    app.websocket("/chat/{room}", [&](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        co_await websocket.accept();
        connections[room].push_back(websocket);
        // Like `finally`: runs however the handler ends.
        struct Leaving {
            Members& members;
            proapi::WebSocketConnection websocket;
            ~Leaving() { std::erase(members, websocket); }
        } leaving{connections[room], websocket};

        // The loops iterate over copies, because members join and leave while a send waits for a slow one.
        proapi::Json welcome = {
            {"type", "system"}, {"message", "Welcome to room: " + room}, {"users", connections[room].size()}};
        co_await websocket.send_json(welcome);
        proapi::Json news = {
            {"type", "system"}, {"message", "A new user has joined"}, {"users", connections[room].size()}};
        for (auto conn : Members(connections[room])) {
            if (conn != websocket) co_await conn.send_json(news);
        }
        while (true) {
            auto data = co_await websocket.receive_json();
            for (auto conn : Members(connections[room])) {
                co_await conn.send_json(data);
            }
        }
    });

    app.run_or_exit();
}
