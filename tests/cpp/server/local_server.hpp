// A server on the test's own thread, with a WebSocket at /ws and POST and GET at /echo/{name}, and plain sockets
// connected to it. Nothing happens outside of turns().
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <new>
#include <optional>
#include <string>
#include <vector>

#include "net/listening_sockets.hpp"
#include "server/server.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::server::test {

// Returns what one worker of a server listens on.
[[nodiscard]] inline std::vector<net::ListeningSocket> open_sockets(const net::ListenOptions& options) {
    auto sockets = net::ListeningSockets::open(options, 1);
    EXPECT_TRUE(sockets) << sockets.error().text;
    auto own = sockets->for_worker();
    EXPECT_TRUE(own) << own.error().text;
    return *std::move(own);
}

class LocalServer {
public:
    explicit LocalServer(service::Application& application) : application_(application) {
        site.routes.emplace_back().kind = service::Route::Kind::websocket;
        site.routes.emplace_back();
        EXPECT_EQ(error_text(site.router.add(http::websocket_method, "/ws", 0)), "");
        EXPECT_EQ(error_text(site.router.add("POST", "/echo/{name}", 1)), "");
        EXPECT_EQ(error_text(site.router.add("GET", "/echo/{name}", 1)), "");
        start();
    }

    // Starts a new server: a server reuses memory from earlier connections, which would hide allocations.
    void start() {
        server.emplace(reactor, site, application_, log_);
        server->listen(open_sockets({.hosts = {"127.0.0.1"}}));
    }

    base::Descriptor connect() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(server->addresses().front().port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        base::Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return socket;
    }

    // Runs some turns. An exception ends one of them, as it would in a front end's loop.
    void turns() {
        for (int i = 0; i < 4; ++i) {
            try {
                reactor.turn(net::Duration(0));
            } catch (const std::bad_alloc&) {
            }
        }
    }

    void send(int fd, const std::string& octets) {
        static_cast<void>(::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL));
        turns();
    }

    // Returns what has arrived, without the date.
    static std::string received(int fd) {
        std::string all(100'000, '\0');
        const ssize_t count = ::recv(fd, all.data(), all.size(), MSG_DONTWAIT);
        all.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        if (const std::size_t date = all.find("Date: "); date != std::string::npos)
            all.erase(date, all.find("\r\n", date) + 2 - date);
        return all;
    }

    static std::string handshake() {
        return "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    }

    net::Reactor reactor;
    service::Site site;
    std::optional<Server> server;

private:
    struct NoLog final : service::Log {
        void write(service::LogLevel, std::string_view) override {}
    };

    service::Application& application_;
    NoLog log_;
};

}  // namespace proapi::server::test
