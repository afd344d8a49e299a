// An echo server: ws://localhost:8000/ws
#include <proapi/proapi.hpp>

int main() {
    proapi::ProAPI app;

    app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
        co_await websocket.accept();
        while (true) {
            auto message = co_await websocket.receive_text();
            co_await websocket.send_text("Echo: " + message);
        }
    });

    app.run_or_exit();
}
