// Everything that a server listens on: several hosts on one port, both families, Unix sockets, inherited descriptors,
// shared by one worker or several.
#include "net/listening_sockets.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace proapi::net {
namespace {

constexpr int time_limit_ms = 5000;

ListeningSockets opened(const ListenOptions& options, int workers = 1) {
    auto sockets = ListeningSockets::open(options, workers);
    EXPECT_TRUE(sockets) << sockets.error().text;
    return *std::move(sockets);
}

ListenError refusal_of(const ListenOptions& options, int workers = 1) {
    auto sockets = ListeningSockets::open(options, workers);
    EXPECT_FALSE(sockets);
    return sockets ? ListenError{} : sockets.error();
}

std::vector<ListeningSocket> taken(ListeningSockets& sockets) {
    auto own = sockets.for_worker();
    EXPECT_TRUE(own) << own.error().text;
    return *std::move(own);
}

// Returns a connected client; none if the address refuses it.
base::Descriptor connect_to(const std::string& host, std::uint16_t port) {
    const SocketAddress address = resolve(host, port)->front();
    base::Descriptor client(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0)
        client.reset();
    return client;
}

base::Address accept_one(const ListeningSocket& from) {
    pollfd readable{.fd = from.socket.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&readable, 1, time_limit_ms), 1);
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    const base::Descriptor accepted(
        ::accept4(from.socket.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length, SOCK_CLOEXEC));
    EXPECT_TRUE(accepted);
    return peer.address();
}

int option_of(const base::Descriptor& socket, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(socket.get(), level, name, &value, &length), 0);
    return value;
}

bool has_ipv6() {
    return static_cast<bool>(ListeningSockets::open({.hosts = {"::1"}}, 1));
}

// promise: vanished-peer
TEST(ListeningSockets, APeerThatVanishesIsProbedFor) {
    ListeningSockets sockets = opened({.hosts = {"127.0.0.1"}});
    const ListeningSocket listening = std::move(taken(sockets).front());
    const base::Descriptor client = connect_to("127.0.0.1", listening.address.port);
    const base::Descriptor socket(::accept4(listening.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(socket);
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL), 15);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT), 4);
}

// promise: several-addresses
TEST(ListeningSockets, SeveralHostsHaveOnePort) {
    ListeningSockets sockets = opened({.hosts = {"127.0.0.1", "127.0.0.2", "127.0.0.1"}});
    const auto addresses = sockets.addresses();
    ASSERT_EQ(addresses.size(), 2U) << "a host that is listed twice is opened once";
    EXPECT_EQ(addresses[0].host, "127.0.0.1");
    EXPECT_EQ(addresses[1], (base::Address{"127.0.0.2", addresses[0].port}));
    const auto own = taken(sockets);
    ASSERT_EQ(own.size(), 2U);
    EXPECT_TRUE(connect_to("127.0.0.1", addresses[0].port));
    EXPECT_TRUE(connect_to("127.0.0.2", addresses[0].port));
    EXPECT_TRUE(taken(sockets).empty()) << "its one worker has them";
}

// promise: dual-stack
TEST(ListeningSockets, TheAnyAddressOfIPv6ServesIPv4Too) {
    if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
    ListeningSockets sockets = opened({.hosts = {"::"}});
    const auto own = taken(sockets);
    ASSERT_EQ(own.size(), 1U);
    const base::Descriptor four = connect_to("127.0.0.1", own[0].address.port);
    EXPECT_EQ(accept_one(own[0]).host, "127.0.0.1") << "not ::ffff:127.0.0.1";
    const base::Descriptor six = connect_to("::1", own[0].address.port);
    EXPECT_EQ(accept_one(own[0]).host, "::1");
}

TEST(ListeningSockets, OtherwiseEachFamilyHasItsOwnSocket) {
    if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
    for (const std::vector<std::string>& hosts :
         {std::vector<std::string>{""}, {"::", "0.0.0.0"}, {"127.0.0.1", "::"}, {"::", "127.0.0.1"}}) {
        ListeningSockets sockets = opened({.hosts = hosts});
        const auto own = taken(sockets);
        ASSERT_EQ(own.size(), 2U) << hosts.front();
        const std::uint16_t port = own[0].address.port;
        EXPECT_EQ(own[1].address.port, port);
        EXPECT_TRUE(connect_to("127.0.0.1", port));
        EXPECT_TRUE(connect_to("::1", port));
    }
    ListeningSockets loopback = opened({.hosts = {"::1"}});
    EXPECT_FALSE(connect_to("127.0.0.1", taken(loopback).front().address.port));
}

TEST(ListeningSockets, SeveralWorkersShareAPort) {
    ListeningSockets sockets = opened({.hosts = {"127.0.0.1"}}, 2);
    const std::uint16_t port = sockets.addresses().front().port;
    EXPECT_FALSE(connect_to("127.0.0.1", port)) << "no client waits while no worker accepts";
    const auto first = taken(sockets), second = taken(sockets);
    EXPECT_EQ(first.front().address.port, port);
    EXPECT_EQ(second.front().queue, ListeningSocket::Queue::own);
    EXPECT_TRUE(connect_to("127.0.0.1", port));
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1"}, .port = port}).code, std::errc::address_in_use);
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1"}, .port = port}, 2).code, std::errc::address_in_use);
}

// promise: reuse-port
TEST(ListeningSockets, ProcessesShareAPortIfBothSaySo) {
    ListeningSockets one = opened({.hosts = {"127.0.0.1"}, .reuse_port = true});
    const std::uint16_t port = one.addresses().front().port;
    const ListeningSockets other = opened({.hosts = {"127.0.0.1"}, .port = port, .reuse_port = true});
    const ListeningSockets workers = opened({.hosts = {"127.0.0.1"}, .port = port, .reuse_port = true}, 2);
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1"}, .port = port}).code, std::errc::address_in_use);
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1"}, .port = port}, 2).code, std::errc::address_in_use);
}

TEST(ListeningSockets, SayWhyTheyCanNotBeOpened) {
    const ListeningSockets taken_port = opened({.hosts = {"127.0.0.1"}});
    const std::uint16_t port = taken_port.addresses().front().port;
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1"}, .port = port}).text,
              "can't listen on 127.0.0.1:" + std::to_string(port) +
                  ": Address already in use; stop what listens there or choose another port");
    EXPECT_NE(refusal_of({.hosts = {"192.0.2.1"}}).text.find("check host and port"), std::string::npos);
    const ListenError unknown = refusal_of({.hosts = {"127.0.0.1", "no such host"}});
    EXPECT_NE(unknown.text.find("can't listen on no such host:0: "), std::string::npos) << unknown.text;
    EXPECT_NE(unknown.text.find("; check host"), std::string::npos) << unknown.text;
}

TEST(ListeningSockets, NothingStaysOpenIfOneCanNotBeOpened) {
    const ListeningSockets busy = opened({.hosts = {"127.0.0.2"}});
    const std::uint16_t port = busy.addresses().front().port;
    const std::string name = "@proapi-sockets-" + std::to_string(::getpid());
    EXPECT_EQ(refusal_of({.hosts = {"127.0.0.1", "127.0.0.2"}, .port = port, .uds = name}).code,
              std::errc::address_in_use);
    EXPECT_FALSE(connect_to("127.0.0.1", port));
    const ListeningSockets unix_only = opened({.uds = name});
    EXPECT_EQ(unix_only.addresses(), (std::vector{base::Address{"unix:" + name, 0}}));
}

TEST(ListeningSockets, SeveralWorkersHaveOneUnixSocket) {
    const std::string name = "@proapi-sockets-" + std::to_string(::getpid());
    ListeningSockets sockets = opened({.hosts = {"127.0.0.1"}, .uds = name}, 2);
    const auto first = taken(sockets), second = taken(sockets);
    ASSERT_EQ(first.size(), 2U);
    ASSERT_EQ(second.size(), 2U);
    EXPECT_EQ(second[1].queue, ListeningSocket::Queue::shared);
    EXPECT_EQ(second[1].address.host, "unix:" + name);
    sockets.close();
    EXPECT_EQ(option_of(second[1].socket, SOL_SOCKET, SO_ACCEPTCONN), 1);
    EXPECT_EQ(sockets.addresses().size(), 2U) << "they are known after that, too";
}

// ---- inherited ------------------------------------------------------------------------------------------------------

// promise: inherited-socket
TEST(ListeningSockets, AnInheritedSocketStaysOpen) {
    ListeningSockets launcher = opened({.hosts = {"127.0.0.1"}});
    const ListeningSocket theirs = std::move(taken(launcher).front());
    ::fcntl(theirs.socket.get(), F_SETFL, 0);
    ::fcntl(theirs.socket.get(), F_SETFD, 0);
    {
        ListeningSockets sockets = opened({.fds = {theirs.socket.get()}});
        const auto own = taken(sockets);
        ASSERT_EQ(own.size(), 1U);
        EXPECT_NE(own[0].socket.get(), theirs.socket.get());
        EXPECT_EQ(own[0].address, theirs.address);
        EXPECT_EQ(own[0].queue, ListeningSocket::Queue::shared) << "another process may accept from it";
    }
    EXPECT_EQ(::fcntl(theirs.socket.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_NE(::fcntl(theirs.socket.get(), F_GETFL) & O_NONBLOCK, 0);
    const base::Descriptor client = connect_to("127.0.0.1", theirs.address.port);
    EXPECT_EQ(accept_one(theirs).host, "127.0.0.1");
}

TEST(ListeningSockets, AnInheritedUnixSocketHasItsName) {
    const std::string name = "@proapi-sockets-" + std::to_string(::getpid());
    ListeningSockets launcher = opened({.uds = name});
    const ListeningSocket theirs = std::move(taken(launcher).front());
    EXPECT_EQ(opened({.fds = {theirs.socket.get()}}, 2).addresses(), (std::vector{base::Address{"unix:" + name, 0}}));
}

TEST(ListeningSockets, ADescriptorThatDoesNotListenIsRefused) {
    const base::Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const base::Descriptor silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const base::Descriptor datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto text = [](int fd) { return refusal_of({.fds = {fd}}).text; };
    const std::string expected = "fd: expected a TCP or Unix socket that listens, got descriptor ";
    EXPECT_EQ(text(file.get()), expected + std::to_string(file.get()) + ", which is not a socket");
    EXPECT_EQ(text(silent.get()), expected + std::to_string(silent.get()) + ", which is a socket that does not listen");
    EXPECT_EQ(text(datagrams.get()),
              expected + std::to_string(datagrams.get()) + ", which is a socket without a stream");
    EXPECT_EQ(text(1'000'000), expected + "1000000, which is not open");
}

}  // namespace
}  // namespace proapi::net
