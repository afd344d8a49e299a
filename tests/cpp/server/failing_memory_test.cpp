// Each allocation of a session fails once. That may cost the connection in question, but no other. The process goes on,
// and a later connection is served correctly.
#include <gtest/gtest.h>

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "local_server.hpp"
#include "service/exchange.hpp"
#include "service/websocket.hpp"
#include "tests/cpp/replaced_new.hpp"

namespace proapi::server {
namespace {

using tests::has_failed;
using tests::until_failure;

// Echoes messages, and answers requests with their bodies.
class Echo final : public service::Application, private service::Receiver {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket> websocket) override {
        websocket_ = std::move(websocket);
        if (accepts && websocket_->accept(std::nullopt, {})) wait();
    }
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        if (answers_late) {
            static_cast<void>(exchange->start(200, {}, std::nullopt));
            static_cast<void>(exchange->write(base::as_bytes("part")));
            exchange_ = std::move(exchange);
            return;
        }
        static_cast<void>(exchange->respond(200, {{"X-Kind", "echo"}}, exchange->body()));
        exchange->fail();
    }
    // Front ends do the same: if a handler fails, they fail its response.
    void finish_late() {
        try {
            static_cast<void>(exchange_->finish());
        } catch (const std::bad_alloc&) {
        }
        std::exchange(exchange_, nullptr)->fail();
    }
    // Sends at any time, like a handler that outlives its connection.
    void send_late() {
        if (websocket_) static_cast<void>(websocket_->send(service::MessageKind::text, base::as_bytes("late")));
    }
    // Refuses the handshake or closes the WebSocket, also at any time.
    void end_late() {
        static_cast<void>(accepts ? websocket_->close(ws::close_code::normal, "that is all")
                                  : websocket_->reject(403, "not today", {{"X-Why", "because"}}));
    }
    // Sends more than the kernel takes, so that the rest is copied.
    void send_much(const std::string& much) {
        static_cast<void>(websocket_->send(service::MessageKind::binary, base::as_bytes(much)));
    }
    void forget() {
        if (websocket_) websocket_->cancel_receive(*this);
        websocket_ = nullptr;
    }

    bool accepts = true, answers_late = false;

private:
    void wait() {
        while (const auto received = websocket_->try_receive()) {
            if (!*received) return websocket_->wait_message(*this);
            send((*received)->view());
        }
    }
    void on_message(service::MessageView message) override {
        send(message);
        wait();
    }
    void on_end() override {}
    void send(service::MessageView message) { static_cast<void>(websocket_->send(message.kind, message.payload)); }

    base::IntrusivePtr<service::WebSocket> websocket_;
    base::IntrusivePtr<service::Exchange> exchange_;
};

class FailingMemory : public ::testing::Test {
protected:
    // A request, a handshake, messages in one frame and in fragments, a handler's send, and an end with a Close or by
    // RST. Returns the answers that each connection got.
    std::vector<std::string> scenario() {
        using namespace std::string_literals;
        const std::string request = "POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
        const std::string key(4, '\0');
        const std::string piece(100, 'p');
        std::vector<std::string> answers;
        for (const bool is_orderly : {true, false}) {
            base::Descriptor socket = connect();
            const int fd = socket.get();
            turns();
            send(fd, request.substr(0, 30));
            send(fd, request.substr(30));
            answers.push_back(received(fd));
            send(fd, test::LocalServer::handshake());
            answers.push_back(received(fd));
            send(fd, "\x81\x85" + key + "whole");
            answers.push_back(received(fd));
            send(fd, "\x01\xe4" + key + piece);
            send(fd, "\x00\xe4"s + key + piece);
            send(fd, "\x80\xe4" + key + piece);
            answers.push_back(received(fd));
            echo.send_late();
            turns();
            answers.push_back(received(fd));
            if (is_orderly) {
                send(fd, "\x88\x82" + key + "\x03\xe8");
                answers.push_back(received(fd));
            } else {
                const linger hard{.l_onoff = 1, .l_linger = 0};
                ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            }
            socket.reset();
            turns();
            try {
                echo.send_late();
            } catch (const std::bad_alloc&) {
            }
            turns();
            echo.forget();
        }
        return answers;
    }

    base::Descriptor connect() { return served.connect(); }
    void turns() { served.turns(); }
    void send(int fd, const std::string& octets) { served.send(fd, octets); }
    static std::string received(int fd) { return test::LocalServer::received(fd); }

    Echo echo;
    test::LocalServer served{echo};
};

// promise: failed-allocation
TEST_F(FailingMemory, CostsOneConnectionAtTheMost) {
    served.site.routes[0].settings.message_rate = 1'000;  // more than the test sends; what counts them is allocated
    served.start();
    const std::vector<std::string> right = scenario();
    ASSERT_TRUE(right[0].ends_with("\r\n\r\nbody")) << right[0];
    ASSERT_EQ(right[2], "\x81\x05whole");
    ASSERT_EQ(right[3].size(), 4U + 300);
    ASSERT_EQ(right[5], "\x88\x02\x03\xe8");
    long number = 0;
    do {
        served.start();
        until_failure = number;
        has_failed = false;
        std::vector<std::string> answers;
        try {
            answers = scenario();
        } catch (const std::bad_alloc&) {  // an allocation of the test itself
        }
        until_failure = -1;
        turns();
        echo.forget();
        // Each answer is right or shorter. The answer to the fragmented message is right or empty.
        for (std::size_t i = 0; i < answers.size(); ++i)
            if (answers[i].size() >= right[i].size() || (i == 3 && !answers[i].empty())) {
                ASSERT_EQ(answers[i], right[i]) << "allocation " << number << ", answer " << i;
            }
        ASSERT_EQ(served.server->counts().open, 0U) << "allocation " << number;
        if (number % 16 == 0) {
            ASSERT_EQ(scenario(), right) << "after allocation " << number;
        }
        ++number;
    } while (has_failed);
    EXPECT_GT(number, 50);
    EXPECT_EQ(scenario(), right);
}

// The application has started the end and does not retry; the peer does nothing.
// promise: failed-allocation
TEST_F(FailingMemory, AnEndThatFailsIsAnEnd) {
    for (const bool accepts : {true, false}) {
        echo.accepts = accepts;
        long number = 0;
        do {
            served.start();
            const base::Descriptor client = connect();
            turns();
            send(client.get(), test::LocalServer::handshake());
            received(client.get());
            ASSERT_EQ(served.server->counts().open, 1U);
            until_failure = number++;
            has_failed = false;
            bool has_thrown = false;
            try {
                echo.end_late();
            } catch (const std::bad_alloc&) {
                has_thrown = true;
            }
            until_failure = -1;
            if (has_thrown) echo.end_late();  // as a front end does for a handler that has failed
            turns();
            const bool was_told = received(client.get()).starts_with(accepts ? "\x88" : "HTTP/1.1 403 ");
            EXPECT_TRUE(was_told || served.server->counts().open == 0) << "allocation " << number - 1;
            echo.forget();
        } while (has_failed);
        EXPECT_GT(number, 3);
    }
}

// Also after a message that waits for the end of the turn, and is then sent with it.
TEST_F(FailingMemory, ALargeMessageGoesWhollyOrNotAtAll) {
    const std::string much(32 * 1024 * 1024, 'm');
    for (const std::string before : {"", "\x81\x04late"}) {
        long number = 0;
        do {
            served.start();
            const base::Descriptor client = connect();
            turns();
            send(client.get(), test::LocalServer::handshake());
            static_cast<void>(test::LocalServer::received(client.get()));
            if (!before.empty()) echo.send_late();
            until_failure = number++;
            has_failed = false;
            bool has_thrown = false;
            try {
                echo.send_much(much);
            } catch (const std::bad_alloc&) {
                has_thrown = true;
            }
            until_failure = -1;
            turns();
            EXPECT_EQ(served.server->counts().open, 1U) << "allocation " << number - 1;
            const std::string received = test::LocalServer::received(client.get());
            EXPECT_TRUE(received.starts_with(before)) << "allocation " << number - 1;
            EXPECT_EQ(received.size() == before.size(), has_thrown) << "allocation " << number - 1;
            echo.forget();
        } while (has_failed);
        EXPECT_GT(number, 1);
    }
}

TEST_F(FailingMemory, AResponseThatCanNotBeFinishedIsCut) {
    echo.answers_late = true;
    long number = 0;
    do {
        served.start();
        const base::Descriptor client = connect();
        turns();
        send(client.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        ASSERT_TRUE(received(client.get()).ends_with("4\r\npart\r\n"));
        until_failure = number++;
        has_failed = false;
        echo.finish_late();
        until_failure = -1;
        turns();
        EXPECT_EQ(received(client.get()), has_failed ? "" : "0\r\n\r\n") << "allocation " << number - 1;
        ::shutdown(client.get(), SHUT_WR);
        turns();
        EXPECT_EQ(served.server->counts().open, 0U) << "allocation " << number - 1;
    } while (has_failed);
    EXPECT_GT(number, 1);
}

}  // namespace
}  // namespace proapi::server
