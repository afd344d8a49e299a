// Shared by the tests of this layer: both ways to make system calls, and two connected ends.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "base/descriptor.hpp"
#include "net/io_batch.hpp"

namespace proapi::net {

// Test parameters: system calls given to the kernel in batches (if it has io_uring), or one by one.
inline const auto every_backend = ::testing::Values(IoSubmitter::Backend::automatic, IoSubmitter::Backend::direct);
inline std::string name_of(const ::testing::TestParamInfo<IoSubmitter::Backend>& backend) {
    return backend.param == IoSubmitter::Backend::direct ? "Direct" : "Automatic";
}

struct SocketPair {
    SocketPair() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        ours = base::Descriptor(ends[0]);
        theirs = base::Descriptor(ends[1]);
    }
    base::Descriptor ours, theirs;
};

// Two ends of a TCP connection. Unlike a socket pair, it has RST and acknowledgements.
struct TcpPair {
    TcpPair() {
        const base::Descriptor listener(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener.get(), generic, length), 0);
        EXPECT_EQ(::listen(listener.get(), 1), 0);
        EXPECT_EQ(::getsockname(listener.get(), generic, &length), 0);
        theirs = base::Descriptor(::socket(AF_INET, SOCK_STREAM, 0));
        EXPECT_EQ(::connect(theirs.get(), generic, length), 0);
        ours = base::Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
    }
    // Closes with RST.
    void reset_theirs() {
        const linger hard{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        theirs.reset();
    }
    base::Descriptor ours, theirs;
};

}  // namespace proapi::net
