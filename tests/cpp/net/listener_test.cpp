// Listeners: the options of accepted sockets, and new connections when no descriptor is left.
#include "net/listener.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <vector>

namespace proapi::net {
namespace {

constexpr std::string_view refusal = "no room";

struct ListenerRecorder final : ListenerHandler {
    void on_accept(base::Descriptor socket, const SocketAddress&) override {
        ++accepts;
        accepted.push_back(std::move(socket));
    }
    bool make_room() override {
        ++asked;
        if (gives_in_vain) return true;
        if (!gives_way || accepted.empty()) return false;
        accepted.erase(accepted.begin());
        return true;
    }
    void on_accept_refused(int) override { ++refused; }

    std::vector<base::Descriptor> accepted;
    int accepts = 0, refused = 0, asked = 0;
    bool gives_way = false, gives_in_vain = false;
};

class ListenerTest : public ::testing::Test {
protected:
    ListenerTest() {
        address = resolve("127.0.0.1", 0)->front();
        listener.emplace(reactor, address, Listener::PortSharing::exclusive, 16, handler, std::string(refusal));
        address = address.with_port(listener->address().port);
    }

    [[nodiscard]] base::Descriptor connect() const {
        base::Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length), 0);
        return client;
    }
    // Runs turns until `done`. Each turn waits for an event.
    template <class Done>
    void turn_until(Done done) {
        for (int turns = 0; !done() && turns < 1000; ++turns) reactor.turn(Duration(5000));
        EXPECT_TRUE(done());
    }

    Reactor reactor;
    ListenerRecorder handler;
    SocketAddress address;
    std::optional<Listener> listener;
};

[[nodiscard]] int option_of(const base::Descriptor& socket, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(socket.get(), level, name, &value, &length), 0);
    return value;
}

// promise: vanished-peer
TEST_F(ListenerTest, APeerThatVanishesIsProbedFor) {
    const base::Descriptor client = connect();
    turn_until([&] { return !handler.accepted.empty(); });
    const base::Descriptor& socket = handler.accepted.front();
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL), 15);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT), 4);
}

// Lowers the limit, so that no further descriptor can be opened.
class WithoutDescriptors {
public:
    WithoutDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const base::Descriptor next(::dup(0));
        rlimit now{.rlim_cur = static_cast<rlim_t>(next.get()), .rlim_max = before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~WithoutDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

TEST_F(ListenerTest, WithoutADescriptorTheNewcomerIsToldAndNobodyElse) {
    const base::Descriptor first = connect();
    turn_until([&] { return handler.accepted.size() == 1; });
    const base::Descriptor second = connect();
    {
        const WithoutDescriptors none;
        turn_until([&] { return handler.refused == 1; });
    }
    std::string told(refusal.size(), ' ');
    EXPECT_EQ(::recv(second.get(), told.data(), told.size(), MSG_WAITALL), static_cast<ssize_t>(told.size()));
    EXPECT_EQ(told, refusal);
    EXPECT_EQ(handler.accepted.size(), 1U);
}

// promise: idle-connections-make-room
TEST_F(ListenerTest, WithoutADescriptorTheNewcomerGetsTheOneThatIsGivenUp) {
    const base::Descriptor first = connect();
    turn_until([&] { return handler.accepted.size() == 1; });
    handler.gives_way = true;
    const base::Descriptor second = connect();
    {
        const WithoutDescriptors none;
        turn_until([&] { return handler.accepts == 2; });
        std::array<char, 1> end{};
        EXPECT_EQ(::recv(first.get(), end.data(), end.size(), 0), 0) << "the first connection was closed";
    }
    EXPECT_EQ(handler.refused, 0);
}

// As if another process took the released descriptor: at most one is released for a new connection.
TEST_F(ListenerTest, WithoutADescriptorThoughOneWasGivenUpTheNewcomerIsTold) {
    const base::Descriptor first = connect();
    // Afterwards the sanitizers have opened the descriptors that they need.
    turn_until([&] { return handler.accepts == 1; });
    handler.gives_in_vain = true;
    const base::Descriptor client = connect();
    {
        const WithoutDescriptors none;
        turn_until([&] { return handler.refused == 1; });
    }
    EXPECT_EQ(handler.asked, 1);
}

}  // namespace
}  // namespace proapi::net
