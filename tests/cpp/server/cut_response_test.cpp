// A response that ends with its connection, and that fails half way. The client must not take it for complete, whatever
// else happens before its octets are sent.
// promise: cut-response
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "local_server.hpp"
#include "service/exchange.hpp"

namespace proapi::server {
namespace {

constexpr std::size_t more_than_the_kernel_takes = 32 * 1024 * 1024;

// Starts a response without a length, and fails.
class Failing final : public service::Application {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        const std::string body(more_than_the_kernel_takes, 'x');
        static_cast<void>(exchange->start(200, {}, std::nullopt));
        static_cast<void>(exchange->write(base::as_bytes(body)));
        exchange->fail();
    }
};

class CutResponse : public ::testing::Test {
protected:
    void ask(int fd) { served.send(fd, "GET /echo/x HTTP/1.0\r\n\r\n"); }

    // Reads to the end. Returns 0 for the end of the stream, which would also end a complete response, or else an
    // errno.
    int end_of(int fd) {
        std::string part(1 << 20, '\0');
        while (true) {
            const ssize_t count = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
            if (count == 0) return 0;
            if (count < 0 && errno != EAGAIN) return errno;
            served.turns();
        }
    }

    Failing application;
    test::LocalServer served{application};
};

TEST_F(CutResponse, EndsByAReset) {
    const base::Descriptor client = served.connect();
    ask(client.get());
    EXPECT_EQ(end_of(client.get()), ECONNRESET);
}

TEST_F(CutResponse, EndsByAResetWhenTheClientHasEndedItsSide) {
    const base::Descriptor client = served.connect();
    ask(client.get());
    ::shutdown(client.get(), SHUT_WR);
    served.turns();
    EXPECT_EQ(end_of(client.get()), ECONNRESET);
}

TEST_F(CutResponse, EndsByAResetWhenTheServerStops) {
    const base::Descriptor client = served.connect();
    ask(client.get());
    bool has_stopped = false;
    served.server->stop([&] { has_stopped = true; });
    served.turns();
    EXPECT_EQ(end_of(client.get()), ECONNRESET);
    served.turns();
    EXPECT_TRUE(has_stopped);
}

}  // namespace
}  // namespace proapi::server
