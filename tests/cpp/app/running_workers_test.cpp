// The workers of an application that serves: where they listen, what is refused before, and how they end.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "client.hpp"

namespace proapi {
namespace {

using test::error_of;

std::string refusal_of_start(ProAPI& app, const RunOptions& options) {
    return error_of([&] { static_cast<void>(app.start(options)); });
}

// For as long as it lives.
class EnvironmentVariable {
public:
    EnvironmentVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~EnvironmentVariable() { ::unsetenv(name_); }
    EnvironmentVariable(const EnvironmentVariable&) = delete;
    EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

private:
    const char* name_;
};

TEST(RunningWorkers, AnyThreadsMayWaitForIt) {
    ProAPI app;
    RunningServer server = app.start({.port = 0});
    std::thread one([&] { server.wait(); }), other([&] { server.wait(); });
    server.stop();
    server.wait();
    one.join();
    other.join();
}

TEST(RunningWorkers, ThrowsWhatIsWrong) {
    ProAPI app;
    EXPECT_THROW(static_cast<void>(app.start({.port = -1})), std::runtime_error);
    app.setting("low_water", "100000");
    EXPECT_THROW(static_cast<void>(app.start({.port = 0})), std::runtime_error);
}

TEST(RunningWorkers, RefuseWhatTheyCantServe) {
    ProAPI app;
    EXPECT_EQ(refusal_of_start(app, {.port = -1}), "port: expected 0 to 65535, got -1");
    EXPECT_EQ(refusal_of_start(app, {.port = 65536}), "port: expected 0 to 65535, got 65536");
    EXPECT_EQ(refusal_of_start(app, {.port = 0, .workers = 0}), "workers: expected 1 to 1024, got 0");
    EXPECT_EQ(refusal_of_start(app, {.port = 0, .workers = 1025}), "workers: expected 1 to 1024, got 1025");
    EXPECT_NE(refusal_of_start(app, {.host = "no such host", .port = 0}).find("no such host"), std::string::npos);
    app.get("/", [] { return "here"; });  // nothing serves it
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
}

// promise: host-and-port-from-environment
TEST(RunningWorkers, TheEnvironmentGivesHostAndPortWhereTheOptionsDoNot) {
    ProAPI app;
    for (const char* wrong : {"99999", "-1", "http", "80x", " 80", "0x50", "99999999999999999999"}) {
        const EnvironmentVariable port("PROAPI_PORT", wrong);
        EXPECT_EQ(refusal_of_start(app, {}), std::string("PROAPI_PORT: expected 0 to 65535, got ") + wrong);
    }
    const EnvironmentVariable port("PROAPI_PORT", "0"), host("PROAPI_HOST", "127.0.0.2");
    {
        const RunningServer server = app.start();
        EXPECT_NE(server.port(), 0);
        EXPECT_EQ(server.url(), "http://127.0.0.2:" + std::to_string(server.port()));
    }
    const EnvironmentVariable wrong_port("PROAPI_PORT", "http"), empty_host("PROAPI_HOST", "");
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(server.url(), "http://127.0.0.1:" + std::to_string(server.port()));
}

// promise: access-log
TEST(RunningWorkers, TheEnvironmentSaysWhetherThereIsAnAccessLog) {
    ProAPI app;
    const auto log_of_a_request = [&](const RunOptions& options) {
        testing::internal::CaptureStderr();
        {
            const RunningServer server = app.start(options);
            static_cast<void>(test::request(server.port(), "GET", "/"));
        }
        return testing::internal::GetCapturedStderr();
    };
    {
        const EnvironmentVariable format("PROAPI_ACCESS_LOG", "apache");
        EXPECT_EQ(refusal_of_start(app, {.port = 0}),
                  "PROAPI_ACCESS_LOG: expected 'off', 'common' or 'json', got 'apache'");
    }
    {
        const EnvironmentVariable format("PROAPI_ACCESS_LOG", "json");
        EXPECT_TRUE(log_of_a_request({.port = 0}).starts_with("{"));
        EXPECT_EQ(log_of_a_request({.port = 0, .access_log = AccessLog::off}), "");  // the option wins
    }
    {
        const EnvironmentVariable format("PROAPI_ACCESS_LOG", "common");
        EXPECT_TRUE(log_of_a_request({.port = 0}).starts_with("127.0.0.1 - - ["));
    }
    for (const char* off : {"off", ""}) {
        const EnvironmentVariable format("PROAPI_ACCESS_LOG", off);
        EXPECT_EQ(log_of_a_request({.port = 0}), "");
    }
}

// promise: several-addresses
TEST(RunningWorkers, SayEverythingThatTheyListenOn) {
    ProAPI app;
    const std::string name = "@proapi-workers-" + std::to_string(::getpid());
    for (const int workers : {1, 3}) {
        const RunningServer server =
            app.start({.host = {"127.0.0.1", "127.0.0.2"}, .port = 0, .uds = name, .workers = workers});
        const std::uint16_t port = server.port();
        EXPECT_EQ(server.addresses(), (std::vector<std::pair<std::string, std::uint16_t>>{
                                          {"127.0.0.1", port}, {"127.0.0.2", port}, {"unix:" + name, 0}}));
        EXPECT_EQ(server.url(), "http://127.0.0.1:" + std::to_string(port));
    }
    const RunningServer server = app.start({.uds = name});
    EXPECT_EQ(server.url(), "unix:" + name);
    EXPECT_EQ(server.port(), 0);
    EXPECT_EQ(refusal_of_start(app, {.uds = name, .workers = 2}),
              "can't listen on unix:" + name + ": another process listens there; stop it or choose another path");
}

TEST(RunningWorkers, ABusyPortIsRefusedThoughWorkersWouldShareIt) {
    ProAPI app, other;
    const RunningServer server = app.start({.port = 0, .workers = 2});
    for (const int workers : {1, 2}) {
        const std::string refusal = refusal_of_start(other, {.port = server.port(), .workers = workers});
        EXPECT_NE(refusal.find("can't listen on 127.0.0.1:" + std::to_string(server.port())), std::string::npos)
            << refusal;
    }
}

// The kernel ends a reactor's io_uring some time later, and interrupts what its thread waits for then. A recv() with a
// time limit fails by that.
TEST(RunningWorkers, NothingThatTheStartLeavesBehindInterruptsItsCaller) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const base::Descriptor silent(ends[0]), other(ends[1]);
    const timeval limit{.tv_sec = 0, .tv_usec = 20'000};
    ASSERT_EQ(::setsockopt(silent.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    ProAPI app;
    const std::uint16_t port = app.start({.port = 0}).port();
    for (int i = 0; i < 10; ++i) {
        const RunningServer server = app.start({.port = port, .workers = 2});
        char octet = 0;
        EXPECT_EQ(::recv(silent.get(), &octet, 1, 0), -1);
        EXPECT_EQ(errno, EAGAIN) << base::error_text(errno);
    }
}

TEST(RunningWorkers, AllOfThemServeOnePort) {
    constexpr int count = 3;
    ProAPI app;
    std::mutex mutex;
    std::set<std::thread::id> threads;
    app.get("/", [&]() -> Task<std::string> {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        co_return "here";
    });
    const RunningServer server = app.start({.port = 0, .workers = count});
    for (bool all = false; !all;) {
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
        const std::lock_guard lock(mutex);
        all = threads.size() == count;
    }
}

TEST(RunningWorkers, ShareOneLimitOfConnections) {
    constexpr int most = 4;
    ProAPI app;
    app.setting("max_connections", std::to_string(most));
    std::atomic<int> begun = 0;
    std::atomic<bool> may_end = false;
    app.get("/", [&]() -> Task<std::string> {
        ++begun;
        while (!may_end) co_await sleep(std::chrono::milliseconds(1));
        co_return "here";
    });
    const RunningServer server = app.start({.port = 0, .workers = 2});
    std::vector<std::unique_ptr<test::Client>> clients;
    for (int i = 0; i < most; ++i) {
        clients.push_back(std::make_unique<test::Client>(server.port()));
        clients.back()->write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    while (begun < most) std::this_thread::yield();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(test::status_of(test::Client(server.port()).read_response()), 503);
    may_end = true;
    for (auto& client : clients) EXPECT_EQ(test::get_body(client->read_response()), "here");
}

TEST(RunningWorkers, MayBeStoppedAndWaitedForAgain) {
    ProAPI app;
    {
        RunningServer server = app.start({.port = 0, .workers = 2});
        const std::uint16_t port = server.port();
        server.stop();
        server.stop();
        server.wait();
        server.wait();
        server.stop();
        EXPECT_EQ(server.port(), port);
        EXPECT_THROW(test::Client{port}, std::runtime_error);
    }
    const RunningServer again = app.start({.port = 0});
    EXPECT_EQ(test::status_of(test::request(again.port(), "GET", "/")), 404);
}

// What a handler has captured goes with the application's last use of it, maybe in wait(), and may itself wait.
TEST(RunningWorkers, WhatAHandlerHasCapturedMayWaitForItsServer) {
    struct Waits {
        std::optional<RunningServer> server;
        ~Waits() {
            if (server) server->wait();
        }
    };
    auto waits = std::make_shared<Waits>();
    {
        ProAPI app;
        app.get("/", [waits] { return waits->server ? "served" : "too early"; });
        waits->server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(waits->server->port(), "GET", "/")), "served");
        waits->server->stop();
        waits->server->wait();
    }
    const std::weak_ptr<Waits> left = waits;
    waits.reset();
    EXPECT_TRUE(left.expired());
}

}  // namespace
}  // namespace proapi
