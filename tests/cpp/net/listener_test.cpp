// Listeners: sockets that several of them share, and new connections when no descriptor is left.
#include "net/listener.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/listening_sockets.hpp"

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
        auto sockets = ListeningSockets::open({.hosts = {"127.0.0.1"}, .backlog = 16}, 1);
        listener.emplace(reactor, std::move(sockets->for_worker()->front()), handler, std::string(refusal));
        address = resolve("127.0.0.1", listener->address().port)->front();
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

// The workers of a server, each with a descriptor of the same socket.
TEST(SharedListeners, EveryConnectionIsAcceptedByOneOfThem) {
    Reactor first, second;
    ListenerRecorder at_first, at_second;
    const std::string name = "@proapi-listener-" + std::to_string(::getpid());
    auto sockets = ListeningSockets::open({.uds = name, .backlog = 64}, 2);
    ASSERT_TRUE(sockets);
    const Listener one(first, std::move(sockets->for_worker()->front()), at_first, std::string(refusal));
    const Listener other(second, std::move(sockets->for_worker()->front()), at_second, std::string(refusal));
    sockets->close();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    std::vector<base::Descriptor> clients;
    for (int i = 0; i < 32; ++i) {
        clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address),
                            static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
                  0);
    }
    for (int turns = 0; at_first.accepts + at_second.accepts < 32 && turns < 100; ++turns) {
        first.turn(Duration(0));
        second.turn(Duration(0));
    }
    EXPECT_EQ(at_first.accepts + at_second.accepts, 32);
    EXPECT_GT(at_first.accepts, 0);
    EXPECT_GT(at_second.accepts, 0) << "one turn takes one connection of a shared queue";
}

}  // namespace
}  // namespace proapi::net
