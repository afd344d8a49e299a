// Connections of a trusted proxy that begin with a PROXY header, over sockets: who their client is, what is believed of
// it, and what becomes of a connection without the header.
// promise: proxy-protocol
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "local_server.hpp"
#include "memory_server.hpp"

namespace proapi::server::test {
namespace {

using namespace std::string_literals;

class ProxyProtocolTest : public ::testing::Test {
protected:
    ProxyProtocolTest() {
        served.site.settings.trusted_proxies = {"127.0.0.1", "10.0.0.0/8"};
        served.site.settings.proxy_protocol = true;
        served.application.answer = [this](service::Exchange& exchange) {
            client = exchange.request().client;
            EXPECT_TRUE(exchange.respond(200, {}, "answer"));
        };
        start();
    }
    void start() {
        served.start();
        served.server->listen(open_sockets({.hosts = {"127.0.0.1"}}));
    }
    [[nodiscard]] base::Descriptor connect() const {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(served.server->addresses().front().port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return socket;
    }
    static void send(const base::Descriptor& socket, const std::string& octets) {
        EXPECT_EQ(::send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(octets.size()));
    }
    // Returns what has arrived once `until` has, or the end of the stream.
    [[nodiscard]] std::string receive(const base::Descriptor& socket, std::string_view until) {
        std::string all;
        EXPECT_TRUE(served.turn_until([&] {
            char octets[4096];
            const ssize_t count = ::recv(socket.get(), octets, sizeof octets, MSG_DONTWAIT);
            if (count > 0) all.append(octets, static_cast<std::size_t>(count));
            return count == 0 || (count < 0 && errno == ECONNRESET) || all.find(until) != std::string::npos;
        })) << "received: "
            << all;
        return all;
    }
    [[nodiscard]] std::string answer(const std::string& octets) {
        const base::Descriptor socket = connect();
        send(socket, octets);
        return receive(socket, "answer");
    }

    MemoryServer served;
    base::Address client;
    const std::string get = request("GET /echo/x");
    const std::string line = "PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n";
    const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
};

TEST_F(ProxyProtocolTest, TheClientIsTheOneThatTheHeaderNames) {
    EXPECT_TRUE(answer(line + get).ends_with("answer"));
    EXPECT_EQ(base::to_string(client), "192.0.2.1:56324");
    EXPECT_TRUE(answer("PROXY TCP6 2001:db8::1 ::1 1 2\r\n" + get).ends_with("answer"));
    EXPECT_EQ(base::to_string(client), "[2001:db8::1]:1");
    EXPECT_TRUE(answer(signature + "\x21\x11\x00\x0c\xc0\x00\x02\x02\xcb\x00\x71\x01\x00\x50\x01\xbb"s + get)
                    .ends_with("answer"));
    EXPECT_EQ(base::to_string(client), "192.0.2.2:80");
}

TEST_F(ProxyProtocolTest, TheHeaderMayComeInPieces) {
    const base::Descriptor socket = connect();
    for (const char octet : line) {
        send(socket, std::string(1, octet));
        served.turns();
        EXPECT_EQ(served.open(), 0U);
    }
    EXPECT_TRUE(served.turn_until([&] { return served.open() == 1; }));
    send(socket, get);
    EXPECT_TRUE(receive(socket, "answer").ends_with("answer"));
    EXPECT_EQ(client.host, "192.0.2.1");
}

TEST_F(ProxyProtocolTest, WhatTheClientSaysOfItselfIsNotBelieved) {
    const std::string lie = request("GET /echo/x", "X-Forwarded-For: 6.6.6.6\r\n");
    EXPECT_TRUE(answer(line + lie).ends_with("answer"));
    EXPECT_EQ(client.host, "192.0.2.1");
    // The client is a trusted proxy itself, one that speaks HTTP.
    EXPECT_TRUE(answer("PROXY TCP4 10.0.0.2 203.0.113.1 1 2\r\n" + lie).ends_with("answer"));
    EXPECT_EQ(client.host, "6.6.6.6");
    // A client that nobody names.
    for (const std::string& unknown : {"PROXY UNKNOWN\r\n"s, signature + "\x21\x00\x00\x00"s,
                                       signature + "\x21\x31\x00\xd8"s + std::string(216, 'x')}) {
        EXPECT_TRUE(answer(unknown + lie).ends_with("answer"));
        EXPECT_EQ(client.host, "127.0.0.1");
    }
}

TEST_F(ProxyProtocolTest, ALocalConnectionIsThatOfTheProxy) {
    EXPECT_TRUE(answer(signature + "\x20\x00\x00\x00"s + get).ends_with("answer"));
    EXPECT_EQ(client.host, "127.0.0.1");
    EXPECT_TRUE(served.log.lines.empty());
}

TEST_F(ProxyProtocolTest, WithoutTheHeaderTheConnectionIsClosed) {
    EXPECT_EQ(answer(get), "");
    ASSERT_EQ(served.log.lines.size(), 1U);
    for (const char* words :
         {"127.0.0.1", "expected a PROXY header, got something else", "proxy_protocol", "trusted_proxies"})
        EXPECT_TRUE(served.log.has(words)) << served.log.lines.front();
    EXPECT_EQ(answer("PROXY TCP4 localhost localhost 1 2\r\n" + get), "");
    EXPECT_TRUE(served.log.has("a malformed line (version 1)"));
    EXPECT_TRUE(served.application.requests.empty());
    EXPECT_EQ(served.open(), 0U);
}

TEST_F(ProxyProtocolTest, AHealthCheckIsNotLogged) {
    const base::Descriptor socket = connect();
    ::shutdown(socket.get(), SHUT_WR);
    EXPECT_EQ(receive(socket, "answer"), "");
    EXPECT_TRUE(answer(line + get).ends_with("answer"));
    EXPECT_TRUE(served.log.lines.empty());
}

TEST_F(ProxyProtocolTest, AHeaderThatDoesNotComeIsNotAwaitedForEver) {
    served.site.settings.head_timeout = std::chrono::milliseconds(30);
    start();
    const base::Descriptor silent = connect(), slow = connect();
    send(slow, "PROXY TCP4 ");
    EXPECT_EQ(receive(silent, "answer"), "");
    EXPECT_EQ(receive(slow, "answer"), "");
    ASSERT_EQ(served.log.lines.size(), 1U) << "a connection that sends nothing is no fault";
    EXPECT_TRUE(served.log.has("got only a part of one in time"));
}

TEST_F(ProxyProtocolTest, OthersAreServedWithout) {
    served.site.settings.trusted_proxies = {"192.0.2.9"};
    start();
    EXPECT_TRUE(answer(get).ends_with("answer"));
    EXPECT_EQ(client.host, "127.0.0.1");
    EXPECT_TRUE(answer(line + get).starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(answer(signature + "\x20\x00\x00\x00"s + get).starts_with("HTTP/1.1 400 "));
}

TEST_F(ProxyProtocolTest, SwitchedOffAHeaderIsAMalformedRequest) {
    served.site.settings.proxy_protocol = false;
    start();
    EXPECT_TRUE(answer(get).ends_with("answer"));
    EXPECT_TRUE(answer(line + get).starts_with("HTTP/1.1 400 "));
}

TEST_F(ProxyProtocolTest, AConnectionWithoutItsHeaderCountsAndIsGivenBack) {
    served.site.settings.max_connections = 1;
    start();
    {
        const base::Descriptor first = connect();
        served.turns();
        const base::Descriptor second = connect();
        EXPECT_TRUE(receive(second, "\r\n\r\n").starts_with("HTTP/1.1 503 "));
    }
    served.turns();  // learns that the first has left
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(answer(get), "") << "closed for want of the header";
        EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; }));
    }
    EXPECT_TRUE(answer(line + get).ends_with("answer"));
}

TEST_F(ProxyProtocolTest, ConnectionsCountForTheClientThatTheHeaderNames) {
    served.site.settings.max_connections_per_client = 1;
    start();
    const base::Descriptor first = connect();
    send(first, line + get);
    EXPECT_TRUE(receive(first, "answer").ends_with("answer"));
    EXPECT_TRUE(answer(line + get).starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(served.log.has("192.0.2.1 refused with 503"));
    EXPECT_EQ(served.server->counts().refused, 1U);
    EXPECT_TRUE(answer("PROXY TCP4 192.0.2.2 203.0.113.1 1 2\r\n" + get).ends_with("answer"));
    for (int i = 0; i < 2; ++i) {
        const base::Descriptor unknown = connect(), other = connect();
        for (const base::Descriptor* socket : {&unknown, &other}) {
            send(*socket, "PROXY UNKNOWN\r\n" + get);
            EXPECT_TRUE(receive(*socket, "answer").ends_with("answer")) << "a client that nobody names is not counted";
        }
    }
}

TEST_F(ProxyProtocolTest, AStopDoesNotWaitForHeaders) {
    const base::Descriptor waiting = connect();
    send(waiting, "PROXY ");
    served.turns();
    bool has_stopped = false;
    served.server->stop([&] { has_stopped = true; });
    EXPECT_TRUE(served.turn_until([&] { return has_stopped; }));
    EXPECT_EQ(receive(waiting, "answer"), "");
}

TEST_F(ProxyProtocolTest, AServerThatEndsDropsThem) {
    const base::Descriptor waiting = connect();
    served.turns();
    served.server.reset();
    EXPECT_EQ(receive(waiting, "answer"), "");
}

}  // namespace
}  // namespace proapi::server::test
