// What tests of this layer share: both ways to the kernel, and two ends that are connected.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "base/descriptor.hpp"
#include "net/calls.hpp"

namespace proapi::net {

// As parameters: with the calls of many given to the kernel together (where it has io_uring), and one by one.
inline const auto every_backend = ::testing::Values(CallRing::Backend::automatic, CallRing::Backend::direct);
inline std::string name_of(const ::testing::TestParamInfo<CallRing::Backend>& backend) {
    return backend.param == CallRing::Backend::direct ? "Direct" : "Automatic";
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

}  // namespace proapi::net
