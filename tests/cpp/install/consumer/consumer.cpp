// A user's first program, built against an installed copy.
#include <iostream>
#include <proapi/proapi.hpp>

int main() {
    proapi::ProAPI app;
    app.websocket("/chat/{room}", [](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        co_await websocket.accept();
        co_await websocket.send_text("Welcome to room: " + room);
    });
    app.get("/", [] { return proapi::Json{{"hello", "world"}}; });
    proapi::RunningServer server = app.start({.port = 0});
    std::cout << server.url() << std::endl;
    server.stop();
    server.wait();
}
