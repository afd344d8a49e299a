// examples/cpp/echo.cpp over TLS: tls_echo CERTIFICATE, which serves at PROAPI_PORT. The PEM file also has the key.
#include <proapi/proapi.hpp>

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: tls_echo CERTIFICATE\n", stderr);
        return 2;
    }
    proapi::ProAPI app;

    app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
        co_await websocket.accept();
        while (true) {
            auto message = co_await websocket.receive_text();
            co_await websocket.send_text("Echo: " + message);
        }
    });

    app.run_or_exit({.ssl_certfile = {argv[1]}});
}
