// Where run() listens: its options, the environment, and the sockets that systemd passes.
#include "app/listen_options.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace proapi::detail {
namespace {

using Names = std::vector<std::string>;
using Descriptors = std::vector<int>;

// Sets a variable for as long as it lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
};

net::ListenOptions found(const RunOptions& options) {
    return find_listen_options(options, 1);
}

std::string refusal_of(const RunOptions& options) {
    try {
        static_cast<void>(found(options));
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

TEST(ListenOptions, LoopbackAndPort8000IfNothingIsSaid) {
    EXPECT_EQ(found({}).hosts, Names{"127.0.0.1"});
    EXPECT_EQ(found({}).port, 8000);
    EXPECT_EQ(found({}).uds_mode, 0666U);
    EXPECT_TRUE(found({}).fds.empty());
}

TEST(ListenOptions, HostsAreOneOrSeveral) {
    EXPECT_EQ(found({.host = "::1"}).hosts, Names{"::1"});
    EXPECT_EQ(found({.host = std::string("::1")}).hosts, Names{"::1"});
    EXPECT_EQ(found({.host = {"127.0.0.1", "::1"}}).hosts, (Names{"127.0.0.1", "::1"}));
    EXPECT_EQ(found({.host = Names{"127.0.0.1", "::1"}}).hosts, (Names{"127.0.0.1", "::1"}));
    EXPECT_EQ(found({.host = ""}).hosts, Names{""}) << "every address";
}

// promise: several-addresses
TEST(ListenOptions, AHostIsOnlyAddedToOthersIfItIsNamed) {
    const Variable host("PROAPI_HOST", "192.0.2.1"), port("PROAPI_PORT", "9");
    EXPECT_EQ(found({}).hosts, Names{"192.0.2.1"});
    EXPECT_TRUE(found({.uds = "/run/app.sock"}).hosts.empty());
    EXPECT_TRUE(found({.fd = 3}).hosts.empty());
    const net::ListenOptions both = found({.port = 80, .uds = "/run/app.sock", .uds_mode = 0600, .fd = 3});
    EXPECT_EQ(both.hosts, Names{"192.0.2.1"});
    EXPECT_EQ(both.port, 80);
    EXPECT_EQ(both.uds, "/run/app.sock");
    EXPECT_EQ(both.uds_mode, 0600U);
    EXPECT_EQ(both.fds, Descriptors{3});
}

TEST(ListenOptions, SayWhatIsWrong) {
    EXPECT_EQ(refusal_of({.uds_mode = 01000}), "uds_mode: expected permissions from 0 to 0777, got 512 (decimal)");
    EXPECT_EQ(refusal_of({.fd = -1}), "fd: expected a descriptor, got -1");
}

// promise: socket-activation
TEST(ListenOptions, TakeTheSocketsOfSystemdOnce) {
    const Variable process("LISTEN_PID", std::to_string(::getpid())), count("LISTEN_FDS", "2"),
        names("LISTEN_FDNAMES", "http:more");
    EXPECT_TRUE(found({.port = 0}).fds.empty());
    EXPECT_TRUE(found({.uds = "/run/app.sock"}).fds.empty());
    const net::ListenOptions activated = found({});
    EXPECT_EQ(activated.fds, (Descriptors{3, 4}));
    EXPECT_TRUE(activated.hosts.empty());
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        EXPECT_EQ(::getenv(name), nullptr) << "children must not take them for theirs";
    EXPECT_TRUE(found({}).fds.empty());
}

TEST(ListenOptions, IgnoreTheSocketsOfAnotherProcess) {
    for (const char* process : {"1", "", "x"}) {
        const Variable pid("LISTEN_PID", process), count("LISTEN_FDS", "1");
        EXPECT_TRUE(found({}).fds.empty());
        EXPECT_NE(::getenv("LISTEN_PID"), nullptr);
    }
    for (const char* number : {"0", "-1", "x", ""}) {
        const Variable pid("LISTEN_PID", std::to_string(::getpid())), count("LISTEN_FDS", number);
        EXPECT_TRUE(found({}).fds.empty()) << number;
    }
}

}  // namespace
}  // namespace proapi::detail
