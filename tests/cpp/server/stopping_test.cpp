// A stop while peers continue to send: what arrives soon is answered, a refusal reaches them, and the stop does not
// wait for them. promise: stop-answers-503
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "local_server.hpp"
#include "service/exchange.hpp"

namespace proapi::server {
namespace {

class Nothing final : public service::Application {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        static_cast<void>(exchange->respond(200, {}, "answer"));
    }
};

class Stopping : public ::testing::Test {
protected:
    Stopping() { served.site.settings.close_timeout = service::Duration(60'000); }

    void begin_upload(int fd) {
        served.turns();
        served.send(fd, "POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nbegin");
    }
    void stop() {
        served.server->stop([this] { has_stopped = true; });
    }
    void run_until_it_has_stopped() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!has_stopped && std::chrono::steady_clock::now() < end) served.reactor.turn(service::Duration(20));
        EXPECT_TRUE(has_stopped);
    }

    Nothing application;
    test::LocalServer served{application};
    bool has_stopped = false;
};

TEST_F(Stopping, WhatIsUnreadDoesNotResetTheAnswer) {
    const base::Descriptor client = served.connect();
    begin_upload(client.get());
    ASSERT_EQ(::send(client.get(), "unread", 6, MSG_NOSIGNAL), 6);
    stop();
    run_until_it_has_stopped();  // the client sends nothing more and has everything
    EXPECT_TRUE(test::LocalServer::received(client.get()).starts_with("HTTP/1.1 503 "));
    char octet = 0;
    EXPECT_EQ(::recv(client.get(), &octet, 1, MSG_DONTWAIT), 0) << errno;
}

// A WebSocket that opened now would never be told of the stop.
TEST_F(Stopping, AHandshakeThatWasStillUnreadIsRefused) {
    const base::Descriptor client = served.connect();
    served.turns();
    const std::string handshake = test::LocalServer::handshake();
    ASSERT_EQ(::send(client.get(), handshake.data(), handshake.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(handshake.size()));
    stop();
    run_until_it_has_stopped();
    EXPECT_TRUE(test::LocalServer::received(client.get()).starts_with("HTTP/1.1 503 "));
}

TEST_F(Stopping, ABodyOfWhichTheRestDoesNotComeIsNotWaitedFor) {
    for (const std::string octets : {"", "half"}) {
        served.start();
        has_stopped = false;
        const base::Descriptor client = served.connect();
        served.turns();
        const std::string begun = "POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n" + octets;
        ASSERT_EQ(::send(client.get(), begun.data(), begun.size(), MSG_NOSIGNAL), static_cast<ssize_t>(begun.size()));
        stop();
        run_until_it_has_stopped();
        EXPECT_TRUE(test::LocalServer::received(client.get()).starts_with("HTTP/1.1 503 "));
    }
}

// As a proxy does that connects for each request.
TEST_F(Stopping, ARequestThatFollowsItsConnectionIsAnswered) {
    const base::Descriptor client = served.connect();
    served.turns();
    stop();
    served.turns();
    served.send(client.get(), "GET /echo/x HTTP/1.1\r\nHost: loc");
    served.send(client.get(), "alhost\r\n\r\n");
    run_until_it_has_stopped();
    const std::string answer = test::LocalServer::received(client.get());
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
}

TEST_F(Stopping, ABodyThatFollowsItsHeadIsTaken) {
    for (const std::string before : {"", "POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n"}) {
        served.start();
        has_stopped = false;
        const base::Descriptor client = served.connect();
        served.turns();
        if (!before.empty()) served.send(client.get(), before + "half");
        stop();
        served.turns();
        if (before.empty())
            served.send(client.get(), "POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf");
        served.send(client.get(), "half");
        run_until_it_has_stopped();
        EXPECT_TRUE(test::LocalServer::received(client.get()).starts_with("HTTP/1.1 200 "));
    }
}

// An empty line is not the beginning of a request.
TEST_F(Stopping, NobodyWaitsForAPeerThatSendsNoRequest) {
    for (const std::string octets : {"", "\r\n"}) {
        served.start();
        has_stopped = false;
        const base::Descriptor fresh = served.connect(), kept = served.connect();
        served.turns();
        served.send(kept.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        EXPECT_TRUE(test::LocalServer::received(kept.get()).starts_with("HTTP/1.1 200 "));
        for (const base::Descriptor* client : {&fresh, &kept})
            ASSERT_EQ(::send(client->get(), octets.data(), octets.size(), MSG_NOSIGNAL),
                      static_cast<ssize_t>(octets.size()));
        stop();
        run_until_it_has_stopped();
        for (const base::Descriptor* client : {&fresh, &kept})
            EXPECT_EQ(test::LocalServer::received(client->get()), "");
    }
}

TEST_F(Stopping, NobodyWaitsForAPeerThatGoesOnSending) {
    const base::Descriptor client = served.connect();
    begin_upload(client.get());
    stop();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!has_stopped && std::chrono::steady_clock::now() < end) {
        static_cast<void>(::send(client.get(), "more", 4, MSG_NOSIGNAL));
        served.reactor.turn(service::Duration(1));
    }
    EXPECT_TRUE(has_stopped);
    EXPECT_TRUE(test::LocalServer::received(client.get()).starts_with("HTTP/1.1 503 "));
}

}  // namespace
}  // namespace proapi::server
