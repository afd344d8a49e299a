// What the tests of WebSockets over a connection in memory have in common.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "memory_server.hpp"
#include "server/websocket_session.hpp"

namespace proapi::server::test {

inline const std::string close_1000 = "\x03\xe8";  // the payload of a Close

// A server in memory, whose first route is a WebSocket, and one client.
class WebSocketSessionTest : public ::testing::Test {
protected:
    // Starts a server with the current settings, and opens a WebSocket.
    void open(const net::MemoryBehaviour& behaviour = {}) {
        client.reset();
        served.application.echoing.clear();
        served.start();
        client = served.connect(behaviour);
        EXPECT_TRUE(answer(handshake()).starts_with("HTTP/1.1 101 "));
    }
    std::string answer(const std::string& octets) {
        client->forget_received();
        client->send(octets);
        served.turns();
        return client->received();
    }
    EchoHandler& handler() { return *served.application.echoing.back(); }
    service::WebSocket& websocket() { return *handler().websocket; }
    service::WebSocketSettings& settings() { return served.site.routes[0].settings; }
    std::uint64_t closed(std::uint16_t code) {
        const auto& all = served.server->counts().closed;
        const auto found = all.find(code);
        return found == all.end() ? 0 : found->second;
    }

    MemoryServer served;
    std::unique_ptr<MemoryClient> client;
};

}  // namespace proapi::server::test
