// HTTP/1.1 over a connection in memory: requests and responses, pipelining, keep-alive, bodies, the upgrade; each cut
// at every octet, and each with every read and write failing.
#include "server/http_session.hpp"

#include <gtest/gtest.h>

#include "every_failure.hpp"

namespace proapi::server::test {
namespace {

class HttpSessionTest : public ::testing::Test {
protected:
    // Returns what the server answers to these octets.
    std::string answer(const std::string& octets) {
        client->forget_received();
        client->send(octets);
        served.turns();
        return client->received();
    }
    void restart() {
        served.start();
        client = served.connect();
    }

    MemoryServer served;
    std::unique_ptr<MemoryClient> client = served.connect();
};

TEST_F(HttpSessionTest, AnswersAndKeepsTheConnection) {
    for (int i = 0; i < 3; ++i) {
        const std::string all = answer(request("GET /echo/one"));
        EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK\r\n")) << all;
        EXPECT_TRUE(all.ends_with("\r\n\r\n/echo/one ")) << all;
    }
    EXPECT_FALSE(client->has_ended());
    EXPECT_EQ(served.open(), 1U);
    EXPECT_EQ(served.application.requests.size(), 3U);
}

TEST_F(HttpSessionTest, ClosesWhenItIsAskedTo) {
    const std::string all = answer(request("GET /echo/one", "Connection: close\r\n"));
    EXPECT_TRUE(all.ends_with("/echo/one ")) << all;
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_EQ(served.open(), 1U) << "the connection stays until the client has ended its side";
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.open(), 0U);
}

TEST_F(HttpSessionTest, AnswersAClientThatHasEndedItsSide) {
    client->send(request("GET /echo/last"));
    client->transport().shutdown_write();
    served.turns();
    EXPECT_TRUE(client->received().ends_with("/echo/last ")) << client->received();
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_EQ(served.open(), 0U);
}

TEST_F(HttpSessionTest, AnswersPipelinedRequestsInOrder) {
    std::string octets;
    for (int i = 0; i < 20; ++i) octets += request("GET /echo/" + std::to_string(i));
    const std::string all = answer(octets);
    std::size_t at = 0;
    for (int i = 0; i < 20; ++i) {
        at = all.find("\r\n\r\n/echo/" + std::to_string(i) + " ", at);
        ASSERT_NE(at, std::string::npos) << i << " in " << all;
    }
    EXPECT_EQ(served.application.requests.size(), 20U);
}

// Eight requests each time the connection's turn ends, which happens twice in a call of turn().
TEST_F(HttpSessionTest, ATurnTakesAFewRequests) {
    std::string octets;
    for (int i = 0; i < 40; ++i) octets += request("GET /echo/x");
    client->send(octets);
    std::size_t before = 0;
    while (before < 40) {
        served.reactor.turn(net::Duration(0));
        ASSERT_LE(served.application.requests.size(), before + 16);
        before = served.application.requests.size();
    }
}

TEST_F(HttpSessionTest, ARequestWaitsForTheAnswerBefore) {
    served.application.waits = true;
    EXPECT_EQ(answer(request("GET /echo/first") + request("GET /echo/second")), "");
    ASSERT_EQ(served.application.requests.size(), 1U);
    EXPECT_TRUE(served.application.waiting[0]->exchange->respond(200, {}, "late"));
    served.turns();
    EXPECT_TRUE(client->received().ends_with("late"));
    EXPECT_EQ(served.application.requests.size(), 2U);
}

TEST_F(HttpSessionTest, AClientThatDoesNotReadItsAnswersIsNotServedOn) {
    client->transport().set_behaviour({.receive_buffer_bytes = 0});
    served.application.answer = [](service::Exchange& exchange) {
        EXPECT_TRUE(exchange.respond(200, {}, std::string(300'000, 'x')));
    };
    for (int i = 0; i < 5; ++i) {
        client->send(request("GET /echo/much"));
        served.turns();
    }
    EXPECT_LT(served.application.requests.size(), 5U);
    EXPECT_GT(served.server->load().send_queued_bytes, 0U);
    client->transport().set_behaviour({});
    served.turns();
    EXPECT_EQ(served.application.requests.size(), 5U);
    EXPECT_EQ(served.server->load().send_queued_bytes, 0U);
}

TEST_F(HttpSessionTest, HandsOverABodyWhole) {
    EXPECT_EQ(answer(request("POST /echo/x", "Content-Length: 10\r\n", "first")), "");
    EXPECT_TRUE(served.application.requests.empty());
    EXPECT_EQ(served.server->load().partial_bytes, 5U);
    const std::string all = answer("-then");
    EXPECT_TRUE(all.ends_with("\r\n\r\n/echo/x first-then")) << all;
}

TEST_F(HttpSessionTest, HandsOverChunks) {
    const std::string all =
        answer(request("POST /echo/x", "Transfer-Encoding: chunked\r\n", "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
    EXPECT_TRUE(all.ends_with("\r\n\r\n/echo/x onetwo")) << all;
}

TEST_F(HttpSessionTest, TellsAClientThatWaitsToContinue) {
    EXPECT_EQ(answer(request("POST /echo/x", "Content-Length: 4\r\nExpect: 100-continue\r\n")),
              "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(answer("body").ends_with("/echo/x body"));
}

TEST_F(HttpSessionTest, StreamsAResponseInChunks) {
    served.application.waits = true;
    EXPECT_EQ(answer(request("GET /echo/x")), "");
    service::Exchange& exchange = *served.application.waiting[0]->exchange;
    EXPECT_TRUE(exchange.start(200, {}, std::nullopt));
    EXPECT_TRUE(exchange.write(base::as_bytes("part")));
    served.turns();
    EXPECT_TRUE(client->received().ends_with("\r\n\r\n4\r\npart\r\n")) << client->received();
    EXPECT_TRUE(exchange.finish());
    served.turns();
    EXPECT_TRUE(client->received().ends_with("4\r\npart\r\n0\r\n\r\n")) << client->received();
}

TEST_F(HttpSessionTest, AStreamThatFailsIsCut) {
    served.application.waits = true;
    EXPECT_EQ(answer(request("GET /echo/x")), "");
    service::Exchange& exchange = *served.application.waiting[0]->exchange;
    EXPECT_TRUE(exchange.start(200, {}, std::nullopt));
    EXPECT_TRUE(exchange.write(base::as_bytes("part")));
    exchange.fail();
    served.turns();
    EXPECT_TRUE(client->received().ends_with("4\r\npart\r\n")) << client->received();
    EXPECT_TRUE(client->has_ended());
}

TEST_F(HttpSessionTest, AStreamEndsWithItsClient) {
    served.application.waits = true;
    EXPECT_EQ(answer(request("GET /echo/x")), "");
    EXPECT_TRUE(served.application.waiting[0]->exchange->start(200, {}, std::nullopt));
    served.turns();
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.application.waiting[0]->ends, 1);
    EXPECT_EQ(served.open(), 0U);
}

TEST_F(HttpSessionTest, RefusesWhatIsNoRequestAndEnds) {
    const std::string all = answer("GARBAGE\r\n\r\n" + request("GET /echo/x"));
    EXPECT_TRUE(all.starts_with("HTTP/1.1 400 ")) << all;
    EXPECT_EQ(all.find("200"), std::string::npos) << "the octets after it can't be parsed";
    EXPECT_EQ(client->end_error(), 0);
}

TEST_F(HttpSessionTest, RefusesTlsOnAPlainPort) {
    const std::string all = answer("\x16\x03\x01");
    EXPECT_TRUE(all.starts_with("HTTP/1.1 400 ")) << all;
    EXPECT_TRUE(served.log.has("TLS"));
}

TEST_F(HttpSessionTest, KnowsWhetherTheTransportIsSecure) {
    std::string url;
    served.application.answer = [&](service::Exchange& exchange) {
        url = service::make_url(exchange.request(), service::UrlKind::http);
        EXPECT_TRUE(exchange.respond(200, {}, ""));
    };
    EXPECT_NE(answer(request("GET /echo/x")), "");
    EXPECT_EQ(url, "http://localhost/echo/x");
    client = served.connect({.is_secure = true});
    EXPECT_NE(answer(request("GET /echo/x")), "");
    EXPECT_EQ(url, "https://localhost/echo/x");
    EXPECT_NE(answer("\x16\x03\x01\r\n\r\n").find(" 400 "), std::string::npos);
    EXPECT_FALSE(served.log.has("TLS"));
}

TEST_F(HttpSessionTest, BelievesTrustedProxiesOnly) {
    std::string client_and_url;
    served.application.answer = [&](service::Exchange& exchange) {
        client_and_url = base::to_string(exchange.request().client) + " " +
                         service::make_url(exchange.request(), service::UrlKind::http);
        EXPECT_TRUE(exchange.respond(200, {}, ""));
    };
    const std::string fields =
        "X-Forwarded-For: 198.51.100.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: localhost:8443\r\n";
    for (const auto& [trusted, expected] : {std::pair{"192.0.2.0/24", "198.51.100.4:0 https://localhost:8443/echo/x"},
                                            {"192.0.2.8", "192.0.2.7:4242 http://localhost/echo/x"},
                                            {"unix", "192.0.2.7:4242 http://localhost/echo/x"}}) {
        served.site.settings.trusted_proxies = {trusted};
        restart();
        EXPECT_NE(answer(request("GET /echo/x", fields)), "");
        EXPECT_EQ(client_and_url, expected) << trusted;
    }
}

TEST_F(HttpSessionTest, EachRequestOfAProxyHasItsOwnClient) {
    served.site.settings.trusted_proxies = {"192.0.2.7"};
    restart();
    std::string clients;
    served.application.answer = [&](service::Exchange& exchange) {
        clients += exchange.request().client.host + " ";
        EXPECT_TRUE(exchange.respond(200, {}, ""));
    };
    EXPECT_NE(answer(request("GET /echo/x", "X-Forwarded-For: 198.51.100.4\r\n") + request("GET /echo/x") +
                     request("GET /echo/x", "Forwarded: for=198.51.100.5\r\n")),
              "");
    EXPECT_EQ(clients, "198.51.100.4 192.0.2.7 198.51.100.5 ");
}

TEST_F(HttpSessionTest, RefusesAForwardedHostThatIsNotOne) {
    served.site.settings.trusted_proxies = {"192.0.2.7"};
    restart();
    const std::string all = answer(request("GET /echo/x", "X-Forwarded-Host: a b\r\n") + request("GET /echo/y"));
    EXPECT_TRUE(all.starts_with("HTTP/1.1 400 ")) << all;
    EXPECT_NE(all.find("X-Forwarded-Host"), std::string::npos) << all;
    EXPECT_EQ(all.find("/echo/y"), std::string::npos) << "the connection ends";
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_TRUE(served.application.requests.empty());
    served.site.settings.trusted_proxies = {};
    restart();
    EXPECT_TRUE(answer(request("GET /echo/x", "X-Forwarded-Host: a b\r\n")).starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpSessionTest, WebSocketsBehindAProxyCountForTheirClients) {
    served.site.settings.trusted_proxies = {"192.0.2.7"};
    served.site.settings.max_connections_per_client = 1;
    restart();
    const auto open = [&](MemoryClient& proxy, const std::string& address) {
        proxy.forget_received();
        std::string octets = handshake();
        octets.insert(octets.size() - 2, "X-Forwarded-For: " + address + "\r\n");
        proxy.send(octets);
        served.turns();
        return proxy.received().substr(9, 3);
    };
    auto second = served.connect(), third = served.connect(), fourth = served.connect();
    EXPECT_EQ(open(*client, "198.51.100.4"), "101");
    EXPECT_EQ(open(*second, "198.51.100.4"), "503");
    EXPECT_NE(second->received().find("max_connections_per_client"), std::string::npos);
    EXPECT_EQ(open(*third, "198.51.100.5"), "101") << "another client of the same proxy";
    for (int i = 0; i < 3; ++i) {
        fourth->forget_received();
        fourth->send(request("GET /echo/x", "X-Forwarded-For: 198.51.100.4\r\n"));
        served.turns();
        EXPECT_EQ(fourth->received().substr(9, 3), "200") << "requests are not counted";
    }
    client->transport().close(net::Transport::CloseMode::reset);
    served.turns();
    EXPECT_EQ(open(*fourth, "198.51.100.4"), "101") << "the first has left";
}

TEST_F(HttpSessionTest, KnowsTheClientsAddress) {
    base::Address address;
    served.application.answer = [&](service::Exchange& exchange) {
        address = exchange.request().client;
        EXPECT_TRUE(exchange.respond(200, {}, ""));
    };
    EXPECT_NE(answer(request("GET /echo/x")), "");
    EXPECT_EQ(address, (base::Address{"192.0.2.7", 4242}));
}

TEST_F(HttpSessionTest, TheHeadHasItsTime) {
    served.site.settings.head_timeout = service::Duration(20);
    restart();
    client->send("GET /echo/x HTT");
    EXPECT_TRUE(served.turn_until([&] { return client->has_ended(); }));
    EXPECT_TRUE(client->received().starts_with("HTTP/1.1 408 ")) << client->received();
}

TEST_F(HttpSessionTest, AnIdleConnectionIsClosedInOrder) {
    served.site.settings.keep_alive_timeout = service::Duration(10);
    restart();
    EXPECT_NE(answer(request("GET /echo/x")), "");
    EXPECT_TRUE(served.turn_until([&] { return client->has_ended(); }));
    EXPECT_EQ(client->end_error(), 0);
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.open(), 0U);
}

TEST_F(HttpSessionTest, ABodyThatComesTooSlowlyIsRefused) {
    served.site.settings.body_grace = service::Duration(20);
    restart();
    client->send(request("POST /echo/x", "Content-Length: 100000\r\n", "x"));
    EXPECT_TRUE(served.turn_until([&] { return client->has_ended(); }));
    EXPECT_TRUE(client->received().starts_with("HTTP/1.1 408 ")) << client->received();
}

TEST_F(HttpSessionTest, AStopAnswersWhatHasBegun) {
    served.application.waits = true;
    EXPECT_EQ(answer(request("GET /echo/x")), "");
    bool has_stopped = false;
    served.server->stop([&] { has_stopped = true; });
    served.turns();
    EXPECT_FALSE(has_stopped);
    EXPECT_TRUE(served.application.waiting[0]->exchange->respond(200, {}, "the last"));
    served.turns();
    EXPECT_TRUE(client->received().ends_with("the last")) << client->received();
    client->transport().shutdown_write();
    served.turns();
    EXPECT_TRUE(has_stopped);
}

TEST_F(HttpSessionTest, HandsTheConnectionOverAtAnUpgrade) {
    // Its first frame arrives with the request.
    const std::string all = answer(handshake() + frame(0x81, "early"));
    EXPECT_TRUE(all.starts_with("HTTP/1.1 101 ")) << all;
    EXPECT_TRUE(
        all.ends_with("\r\n\r\n\x81\x05"
                      "early"))
        << all;
    EXPECT_EQ(served.server->load().websockets, 1U);
}

TEST_F(HttpSessionTest, AnUpgradeFollowsTheAnswersBefore) {
    const std::string all = answer(request("GET /echo/first") + handshake());
    EXPECT_LT(all.find("/echo/first "), all.find("HTTP/1.1 101 ")) << all;
    EXPECT_NE(all.find("HTTP/1.1 101 "), std::string::npos) << all;
}

// ---- every cut, every failure -----------------------------------------------------------------------------------

// Two requests, one with a body, then a chunked one that is the last.
const Parts requests_of_all_kinds{
    request("GET /echo/one"),
    request("POST /echo/two", "Content-Length: 4\r\n", "body"),
    request("POST /echo/three", "Transfer-Encoding: chunked\r\nConnection: close\r\n", "5\r\nchunk\r\n0\r\n\r\n"),
};

[[nodiscard]] std::string joined(const Parts& parts) {
    std::string all;
    for (const std::string& part : parts) all += part;
    return all;
}

TEST(HttpSessionCuts, EveryCutGivesTheSameAnswers) {
    const Outcome right = run_client({joined(requests_of_all_kinds)}, {}, nullptr);
    ASSERT_EQ(right.requests, (std::vector<std::string>{"GET /echo/one", "POST /echo/two", "POST /echo/three"}));
    ASSERT_TRUE(right.received.ends_with("/echo/three chunk")) << right.received;
    expect_with_every_cut(joined(requests_of_all_kinds), right);
}

TEST(HttpSessionFailures, EachEndsTheConnectionAndNothingElse) {
    const Outcome right = run_client(requests_of_all_kinds, {}, nullptr);
    ASSERT_EQ(right.requests.size(), 3U);
    expect_with_every_failure(requests_of_all_kinds, right);
}

TEST(HttpSessionFailures, PipelinedRequests) {
    const Parts parts{joined(
        {requests_of_all_kinds[0], requests_of_all_kinds[0], requests_of_all_kinds[1], requests_of_all_kinds[2]})};
    expect_with_every_failure(parts, run_client(parts, {}, nullptr));
}

TEST(HttpSessionFailures, AHandlerThatWaitsIsToldOnce) {
    const auto waits = [](MemoryServer& served) { served.application.waits = true; };
    const Parts parts{request("GET /echo/one"), request("POST /echo/two", "Content-Length: 4\r\n", "body")};
    const Outcome right = run_client(parts, {}, nullptr, waits);
    EXPECT_EQ(right.received, "");
    const std::size_t operations = for_each_failure(
        [&](net::MemoryFailure& failure) { static_cast<void>(run_client(parts, {}, &failure, waits)); });
    EXPECT_GT(operations, 0U);
}

// The response ends with the connection (HTTP/1.0), so a failure must not look like its end.
TEST(HttpSessionFailures, AResponseWithoutALengthEndsByResetOrWhole) {
    const auto streams = [](MemoryServer& served) {
        served.application.answer = [](service::Exchange& exchange) {
            EXPECT_TRUE(exchange.start(200, {}, std::nullopt));
            EXPECT_TRUE(exchange.write(base::as_bytes("some octets")));
            EXPECT_TRUE(exchange.finish());
        };
    };
    const Parts parts{"GET /echo/x HTTP/1.0\r\n\r\n"};
    const Outcome right = run_client(parts, {}, nullptr, streams);
    ASSERT_TRUE(right.received.ends_with("some octets")) << right.received;
    expect_with_every_failure(parts, right, streams);
}

}  // namespace
}  // namespace proapi::server::test
