// A handler that has forgotten to be a coroutine.
#include <proapi/proapi.hpp>

void add(proapi::ProAPI& app) {
    app.websocket("/", [](proapi::WebSocketConnection websocket) -> proapi::Task<> { websocket.accept(); });
}
