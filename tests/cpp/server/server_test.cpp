// A server and its connections over transports in memory: which connections it accepts, which ones make room, what it
// counts, and how it stops. Over sockets: scarce_connections_test.cpp, stopping_test.cpp.
#include "server/server.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "every_failure.hpp"
#include "local_server.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::server::test {
namespace {

class ServerTest : public ::testing::Test {
protected:
    void allow_connections(std::uint64_t count) {
        served.site.settings.max_connections = count;
        served.start();
    }
    std::string answer(MemoryClient& client, const std::string& octets) {
        client.forget_received();
        client.send(octets);
        served.turns();
        return client.received();
    }
    [[nodiscard]] const ServerCounts& counts() const { return served.server->counts(); }

    MemoryServer served;
    const std::string get = request("GET /echo/x");
};

TEST_F(ServerTest, ServesWhatItIsGiven) {
    const auto first = served.connect(), second = served.connect();
    EXPECT_EQ(counts().accepted, 2U);
    EXPECT_EQ(counts().open, 2U);
    EXPECT_TRUE(answer(*first, get).ends_with("/echo/x "));
    EXPECT_TRUE(answer(*second, get).ends_with("/echo/x "));
    second->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(counts().open, 1U);
    EXPECT_EQ(counts().accepted, 2U);
}

TEST_F(ServerTest, OneTooManyGetsA503) {
    allow_connections(1);
    const auto first = served.connect();
    served.turns();
    const auto second = served.connect();
    EXPECT_TRUE(answer(*second, get).starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(second->end_error(), 0);
    EXPECT_EQ(counts().refused, 1U);
    EXPECT_EQ(counts().open, 1U);
    EXPECT_TRUE(served.log.has("connection refused with 503"));
    EXPECT_TRUE(answer(*first, get).ends_with("/echo/x ")) << "the other connections are unharmed";
}

TEST_F(ServerTest, AClientWithTooManyConnectionsGetsA503) {
    served.site.settings.max_connections_per_client = 2;
    served.start();
    const auto first = served.connect(), second = served.connect(), third = served.connect();
    EXPECT_TRUE(answer(*third, get).starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(answer(*second, get).ends_with("/echo/x "));
    EXPECT_TRUE(served.log.has("192.0.2.7 refused with 503"));
    EXPECT_TRUE(served.log.has("max_connections_per_client allows (2)"));
    EXPECT_EQ(counts().refused, 1U);
    EXPECT_EQ(counts().open, 2U);
    first->transport().shutdown_write();
    served.turns();
    const auto fourth = served.connect();
    EXPECT_TRUE(answer(*fourth, get).ends_with("/echo/x "));
}

TEST_F(ServerTest, AClientWithTooManyMakesNobodyGiveWay) {
    served.site.settings.max_connections_per_client = 1;
    allow_connections(1);
    const auto idle = served.connect();
    EXPECT_NE(answer(*idle, get), "");
    const auto second = served.connect();
    EXPECT_TRUE(answer(*second, get).starts_with("HTTP/1.1 503 "));
    EXPECT_FALSE(idle->has_ended());
}

TEST_F(ServerTest, ATrustedProxyMayHaveAnyNumberOfConnections) {
    served.site.settings.max_connections_per_client = 1;
    served.site.settings.trusted_proxies = {"192.0.2.0/24"};
    served.start();
    const auto first = served.connect(), second = served.connect();
    EXPECT_TRUE(answer(*second, get).ends_with("/echo/x "));
}

TEST_F(ServerTest, OfVeryManyTheRestGetsWhatOneWriteSends) {
    allow_connections(1);
    const auto first = served.connect();
    std::vector<std::unique_ptr<MemoryClient>> others;
    for (int i = 0; i < 40; ++i) others.push_back(served.connect());
    served.turns();
    for (const auto& other : others) {
        EXPECT_TRUE(other->received().starts_with("HTTP/1.1 503 "));
        EXPECT_TRUE(other->has_ended());
    }
    EXPECT_EQ(counts().refused, 40U);
}

TEST_F(ServerTest, AnIdleConnectionMakesRoom) {
    allow_connections(2);
    const auto first = served.connect(), second = served.connect();
    EXPECT_NE(answer(*first, get), "");
    EXPECT_NE(answer(*second, get), "");
    EXPECT_NE(answer(*first, get), "") << "so the second has been idle for longer";
    const auto third = served.connect();
    EXPECT_TRUE(answer(*third, get).ends_with("/echo/x "));
    EXPECT_EQ(second->end_error(), 0);
    EXPECT_FALSE(first->has_ended());
    EXPECT_EQ(counts().open, 2U);
}

TEST_F(ServerTest, OneWhoseNextRequestHasComeMakesNoRoom) {
    allow_connections(1);
    const auto first = served.connect();
    EXPECT_NE(answer(*first, get), "");
    first->forget_received();
    first->send(get);
    const auto second = served.connect();
    served.turns();
    EXPECT_TRUE(first->received().ends_with("/echo/x "));
    EXPECT_TRUE(second->received().starts_with("HTTP/1.1 503 "));
}

TEST_F(ServerTest, AWebSocketMakesNoRoom) {
    allow_connections(1);
    const auto first = served.connect();
    EXPECT_NE(answer(*first, handshake()), "");
    const auto second = served.connect();
    EXPECT_TRUE(answer(*second, get).starts_with("HTTP/1.1 503 "));
}

TEST_F(ServerTest, KnowsWhatItHolds) {
    const auto http = served.connect(), websocket = served.connect();
    EXPECT_NE(answer(*websocket, handshake()), "");
    EXPECT_EQ(answer(*http, request("POST /echo/x", "Content-Length: 10\r\n", "half")), "");
    EXPECT_EQ(answer(*websocket, frame(0x01, "part")), "");
    const ServerLoad load = served.server->load();
    EXPECT_EQ(load.http, 1U);
    EXPECT_EQ(load.websockets, 1U);
    EXPECT_EQ(load.partial_bytes, 8U);
    EXPECT_EQ(load.send_queued_bytes, 0U);
}

TEST_F(ServerTest, CountsClosesByCode) {
    for (int i = 0; i < 2; ++i) {
        const auto client = served.connect();
        EXPECT_NE(answer(*client, handshake()), "");
        EXPECT_NE(answer(*client, frame(0x88, "\x0b\xb8")), "");
    }
    EXPECT_EQ(counts().closed, (std::map<std::uint16_t, std::uint64_t>{{3000, 2}}));
}

TEST_F(ServerTest, StopsOnceTheLastConnectionIsGone) {
    int stopped = 0;
    const auto idle = served.connect(), busy = served.connect();
    EXPECT_NE(answer(*idle, get), "");
    served.application.waits = true;
    EXPECT_EQ(answer(*busy, get), "");
    served.server->stop([&] { ++stopped; });
    served.server->stop([&] { stopped += 100; });
    EXPECT_TRUE(served.server->is_stopping());
    EXPECT_EQ(stopped, 0) << "reported in a later turn";
    served.turns();
    EXPECT_EQ(idle->end_error(), 0);
    idle->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(stopped, 0);
    EXPECT_TRUE(served.application.waiting[0]->exchange->respond(200, {}, "the last"));
    served.turns();
    EXPECT_TRUE(busy->received().ends_with("the last"));
    busy->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(stopped, 1);
}

TEST_F(ServerTest, StopsAtOnceWithoutConnections) {
    bool has_stopped = false;
    served.server->stop([&] { has_stopped = true; });
    served.turns();
    EXPECT_TRUE(has_stopped);
}

TEST_F(ServerTest, AStopDoesNotWaitForAnIdleClientToEndItsSide) {
    bool has_stopped = false;
    const auto client = served.connect();
    EXPECT_NE(answer(*client, get), "");
    served.server->stop([&] { has_stopped = true; });
    EXPECT_TRUE(served.turn_until([&] { return has_stopped; }));
    EXPECT_EQ(client->end_error(), 0);
}

TEST_F(ServerTest, TakesNobodyWhileItStops) {
    served.server->stop([] {});
    const auto client = served.connect();
    served.turns();
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_EQ(counts().accepted, 0U);
}

TEST_F(ServerTest, AbortDropsAll) {
    const auto first = served.connect(), second = served.connect();
    EXPECT_NE(answer(*second, handshake()), "");
    served.server->abort();
    served.turns();
    EXPECT_EQ(counts().open, 0U);
    EXPECT_EQ(first->end_error(), ECONNRESET);
    EXPECT_EQ(second->end_error(), ECONNRESET);
    EXPECT_EQ(served.application.echoing[0]->ends, 1);
}

TEST_F(ServerTest, ItsEndIsThatOfItsConnections) {
    const auto client = served.connect();
    EXPECT_NE(answer(*client, handshake()), "");
    served.server.reset();
    served.turns();
    EXPECT_EQ(client->end_error(), ECONNRESET);
    EXPECT_EQ(served.application.echoing[0]->ends, 1);
}

// promise: unix-client
TEST_F(ServerTest, WhoMayHaveSentARequestDependsOnWhereItCame) {
    const base::Address local{"127.0.0.1", 4000}, over_unix{"unix", 0};
    const std::string name = "@proapi-server-" + std::to_string(::getpid());
    served.server->listen(open_sockets({.hosts = {"127.0.0.1"}, .uds = name}));
    EXPECT_EQ(served.server->addresses().size(), 2U);
    EXPECT_EQ(served.server->reach(local), service::Reach::loopback) << "the Unix socket opens it to nobody";
    EXPECT_EQ(served.server->reach(over_unix), service::Reach::network);
    served.server->listen(open_sockets({.hosts = {"0.0.0.0"}}));
    EXPECT_EQ(served.server->reach(local), service::Reach::network);
}

TEST_F(ServerTest, NamesAClientWithoutAnAddressInTheLog) {
    served.server->log_transport_failure({}, "TLS: why");
    ASSERT_EQ(served.log.lines.size(), 1U);
    EXPECT_EQ(served.log.lines[0], "a client without an address: TLS: why");
}

// Several connections, one of which fails: the others are served.
TEST(ServerFailures, EachCostsOneConnection) {
    const std::size_t operations = for_each_failure([](net::MemoryFailure& failure) {
        MemoryServer served;
        const auto first = served.connect(), failing = served.connect({}, &failure), last = served.connect();
        for (int i = 0; i < 3; ++i) {
            for (const auto* client : {&first, &failing, &last}) (*client)->send(request("GET /echo/x"));
            served.turns();
        }
        for (const auto* client : {&first, &failing, &last}) (*client)->transport().shutdown_write();
        served.turns();
        EXPECT_EQ(served.open(), 0U);
        EXPECT_EQ(first->received(), last->received());
        EXPECT_TRUE(first->received().starts_with(failing->received()));
        EXPECT_EQ(first->end_error(), 0);
        EXPECT_EQ(last->end_error(), 0);
        EXPECT_EQ(failing->end_error(), failure.has_come ? ECONNRESET : 0);
    });
    EXPECT_GT(operations, 5U);
}

}  // namespace
}  // namespace proapi::server::test
