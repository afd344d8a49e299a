// An echo server that handles the end of a connection. C++ has no `finally`, and a catch block cannot `co_await`, so
// code that must run in any case follows the try block.
#include <iostream>
#include <proapi/proapi.hpp>

int main() {
    proapi::ProAPI app;

    app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
        co_await websocket.accept();
        try {
            while (true) {
                auto message = co_await websocket.receive_text();
                co_await websocket.send_text("Echo: " + message);
            }
        } catch (const std::exception& e) {
            std::cout << "WebSocket error: " << e.what() << std::endl;
        }
        if (!websocket.closed()) co_await websocket.close();
    });

    app.run_or_exit({.fast = true});
}
