// The shortest room: ws://localhost:8000/chat/lobby sends a welcome and then only receives.
#include <proapi/proapi.hpp>

int main() {
    proapi::ProAPI app;

    app.websocket("/chat/{room}", [](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        co_await websocket.accept();
        co_await websocket.send_text("Welcome to room: " + room);
        while (true) {
            auto message = co_await websocket.receive_text();
        }
    });

    app.run_or_exit({.fast = true});
}
