// The octets that the peer's kernel has acknowledged, which show whether a slow client still takes anything.
#include "net/tcp_info.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "backends.hpp"

namespace proapi::net {
namespace {

// An acknowledgement may be delayed by some milliseconds, and no event reports it.
void wait_until_delivered(int socket, std::uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (delivered_octets(socket).value() < count && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(delivered_octets(socket), count);
}

TEST(TcpInfo, WhatThePeersKernelHasTakenIsDeliveredThoughNobodyReadIt) {
    const TcpPair pair;
    const std::uint64_t before = delivered_octets(pair.ours.get()).value();
    const std::string text(1000, 'x');
    ASSERT_EQ(::send(pair.ours.get(), text.data(), text.size(), 0), 1000);
    wait_until_delivered(pair.ours.get(), before + 1000);
}

TEST(TcpInfo, WhatWaitsForAFullPeerIsNotDelivered) {
    const TcpPair pair;
    const std::uint64_t before = delivered_octets(pair.ours.get()).value();
    const std::string text(65536, 'x');
    std::uint64_t sent = 0;
    for (ssize_t count = 1; count > 0; sent += static_cast<std::uint64_t>(std::max<ssize_t>(count, 0)))
        count = ::send(pair.ours.get(), text.data(), text.size(), MSG_DONTWAIT);
    EXPECT_LT(delivered_octets(pair.ours.get()).value() - before, sent);

    std::string room(65536, ' ');
    for (std::uint64_t read = 0; read < sent;) {
        const ssize_t count = ::recv(pair.theirs.get(), room.data(), room.size(), 0);
        ASSERT_GT(count, 0);
        read += static_cast<std::uint64_t>(count);
    }
    wait_until_delivered(pair.ours.get(), before + sent);
}

TEST(TcpInfo, OfAnotherSocketItIsUnknown) {
    const SocketPair pair;
    EXPECT_EQ(delivered_octets(pair.ours.get()), std::nullopt);
    EXPECT_EQ(delivered_octets(-1), std::nullopt);
}

}  // namespace
}  // namespace proapi::net
