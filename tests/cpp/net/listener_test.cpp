// Listeners: sockets that several of them share, and new connections when no descriptor is left.
#include "net/listener.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
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

// Two workers of a server, each with a descriptor of the same socket.
class SharedListeners : public ::testing::Test {
protected:
    SharedListeners() {
        for (Worker* worker : {&one, &other})
            worker->listener.emplace(worker->reactor, std::move(sockets->for_worker()->front()), worker->handler,
                                     std::string(refusal));
        sockets->close();
    }
    [[nodiscard]] base::Descriptor connect() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
        base::Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                            static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
                  0);
        return client;
    }

    struct Worker {
        Reactor reactor;
        ListenerRecorder handler;
        std::optional<Listener> listener;
    };
    const std::string name = "@proapi-listener-" + std::to_string(::getpid());
    base::Result<ListeningSockets, ListenError> sockets = ListeningSockets::open({.uds = name, .backlog = 64}, 2);
    Worker one, other;
};

// promise: shared-listening-socket
TEST_F(SharedListeners, TakeOneConnectionOfABurstInEachTurn) {
    std::vector<base::Descriptor> clients;
    for (int i = 0; i < 32; ++i) clients.push_back(connect());
    for (int turns = 0; turns < 16; ++turns) {
        one.reactor.turn(Duration(0));
        other.reactor.turn(Duration(0));
    }
    EXPECT_EQ(one.handler.accepts, 16);
    EXPECT_EQ(other.handler.accepts, 16);
}

// Of two workers that wait, the kernel wakes one: the one that did not accept the connection before.
// promise: shared-listening-socket
// When the second worker begins to wait can't be seen, so clients come until both have accepted one.
TEST_F(SharedListeners, TakeTurnsWhileTheyAreIdle) {
    std::atomic<bool> has_ended = false;
    std::array<std::atomic<int>, 2> accepted{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < accepted.size(); ++i)
        threads.emplace_back([&, worker = std::array{&one, &other}[i], i] {
            while (!has_ended) {
                worker->reactor.turn(Duration(5000));
                accepted[i] = worker->handler.accepts;
            }
        });
    int connected = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while ((accepted[0] == 0 || accepted[1] == 0) && std::chrono::steady_clock::now() < until) {
        const base::Descriptor client = connect();
        ++connected;
        while (accepted[0] + accepted[1] < connected) std::this_thread::yield();
    }
    has_ended = true;
    for (Worker* worker : {&one, &other}) worker->reactor.wake();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(one.handler.accepts + other.handler.accepts, connected);
    EXPECT_GT(one.handler.accepts, 0);
    EXPECT_GT(other.handler.accepts, 0);
}

}  // namespace
}  // namespace proapi::net
