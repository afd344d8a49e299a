// A handler that is not a coroutine, because it lacks co_await. It must not compile.
#include <proapi/proapi.hpp>

void add(proapi::ProAPI& app) {
    app.websocket("/", [](proapi::WebSocketConnection websocket) -> proapi::Task<> { websocket.accept(); });
}
