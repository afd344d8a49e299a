// The echo program in C++ with permessage-deflate; it serves at PROAPI_PORT.
#include <proapi/proapi.hpp>

int main() {
    proapi::ProAPI app;
    app.setting("compression", "shared");

    app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
        co_await websocket.accept();
        while (true) {
            auto message = co_await websocket.receive_text();
            co_await websocket.send_text("Echo: " + message);
        }
    });

    app.run_or_exit();
}
