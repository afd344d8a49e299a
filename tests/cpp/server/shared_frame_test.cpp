// One message for many connections: each gets the same octets as from a separate send, in the right order. A peer that
// does not read does not affect the others.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "local_server.hpp"
#include "service/exchange.hpp"
#include "service/websocket.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::server {
namespace {

// Accepts and keeps all connections.
class Members final : public service::Application {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket> websocket) override {
        EXPECT_TRUE(websocket->accept(std::nullopt, {}));
        all.push_back(std::move(websocket));
    }
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        static_cast<void>(exchange->respond(404, {}, ""));
    }
    void send_shared(service::SharedMessage message) {
        for (const auto& member : all) {
            const auto sent = member->send_shared(message);
            ASSERT_EQ(error_text(sent), "");
            outcomes.push_back(*sent);
        }
    }
    void send(std::string_view text) {
        for (const auto& member : all) EXPECT_TRUE(member->send(service::MessageKind::text, base::as_bytes(text)));
    }

    std::vector<base::IntrusivePtr<service::WebSocket>> all;
    std::vector<service::SendOutcome> outcomes;
};

class SharedFrame : public ::testing::Test {
protected:
    base::Descriptor join() {
        base::Descriptor socket = served.connect();
        served.turns();
        served.send(socket.get(), test::LocalServer::handshake());
        EXPECT_TRUE(test::LocalServer::received(socket.get()).starts_with("HTTP/1.1 101 "));
        return socket;
    }
    // Returns what arrives until it has `octets` octets, or no more comes.
    std::string receive(int fd, std::size_t octets) {
        std::string all;
        for (int i = 0; i < 1000 && all.size() < octets; ++i) {
            all += test::LocalServer::received(fd);
            served.turns();
        }
        return all;
    }

    Members members;
    test::LocalServer served{members};
};

TEST_F(SharedFrame, BringsEachMemberTheOctetsOfASendOfItsOwn) {
    const base::Descriptor one = join(), another = join();
    for (const std::size_t size : {0U, 5U, 125U, 126U, 1020U, 1021U, 16'384U, 65'535U, 300'000U}) {
        const std::string text(size, 'm');
        members.send("before");
        members.send(text);
        members.send("after");
        const std::string expected = receive(one.get(), size + 8 + 7);
        EXPECT_EQ(receive(another.get(), expected.size()), expected);
        members.send("before");
        members.send_shared({service::MessageKind::text, base::as_bytes(text)});
        members.send("after");
        EXPECT_EQ(receive(one.get(), expected.size()), expected) << size;
        EXPECT_EQ(receive(another.get(), expected.size()), expected) << size;
    }
}

TEST_F(SharedFrame, WaitsForWhoeverDoesNotReadWhileOthersHaveIt) {
    served.site.routes[0].settings.max_buffered = 1'000'000;
    const base::Descriptor reads = join(), sleeps = join();
    std::size_t expected = 0;
    int slow = 0;
    for (int i = 0; i < 200 && slow == 0; ++i) {
        members.outcomes.clear();
        members.send_shared({service::MessageKind::binary, base::as_bytes(std::string(100'000, 'b'))});
        expected = 100'010;
        EXPECT_EQ(receive(reads.get(), expected).size(), expected);
        EXPECT_NE(members.outcomes[0], service::SendOutcome::ended);
        if (members.outcomes[1] == service::SendOutcome::ended) ++slow;
    }
    EXPECT_EQ(slow, 1) << "max_buffered is full";
    EXPECT_EQ(members.all[1]->close_code(), 1008);
    EXPECT_FALSE(members.all[0]->is_closed());
}

TEST_F(SharedFrame, GoesToNobodyWhoHasClosed) {
    const base::Descriptor open = join(), closed = join();
    EXPECT_TRUE(members.all[1]->close(1000, "bye"));
    members.send_shared({service::MessageKind::text, base::as_bytes("news")});
    EXPECT_EQ(members.outcomes, (std::vector{service::SendOutcome::sent, service::SendOutcome::ended}));
    served.turns();
    EXPECT_EQ(receive(open.get(), 6), "\x81\x04news");
    EXPECT_EQ(receive(closed.get(), 7),
              "\x88\x05\x03\xe8"
              "bye");
}

}  // namespace
}  // namespace proapi::server
