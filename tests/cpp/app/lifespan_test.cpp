// Start-up and shutdown functions: their order, their thread, and what a failure does.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

// Returns the descriptor of a connection to a Unix socket, or -1.
int connect_to(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

// promise: cpp-lifespan
TEST(Lifespan, RunsBeforeAndAfterTheApplicationServes) {
    ProAPI app;
    std::string log;  // used by one worker's thread, and by this one while no server runs
    std::thread::id own;
    app.on_startup([&] {
        own = std::this_thread::get_id();
        log += "first ";
    });
    app.on_startup([&, name = std::string(100, 's')]() -> Task<> {
        co_await sleep(1ms);
        EXPECT_EQ(name.size(), 100U);
        EXPECT_EQ(std::this_thread::get_id(), own);
        EXPECT_EQ(statistics().accepted, 0U);
        log += "second ";
    });
    app.on_shutdown([&]() -> Task<> {
        co_await sleep(1ms);
        EXPECT_EQ(std::this_thread::get_id(), own);
        log += "-first ";
    });
    app.on_shutdown([&] { log += "-second "; });
    std::atomic<bool> has_begun = false;
    app.background([&]() -> Task<> {
        log += "background ";
        has_begun = true;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            log += "cancelled ";
        }
    });
    for (int i = 0; i < 2; ++i) {
        log.clear();
        has_begun = false;
        RunningServer server = app.start({.port = 0, .workers = 3});
        while (!has_begun) std::this_thread::yield();
        server.stop();
        server.wait();
        EXPECT_EQ(log, "first second background cancelled -second -first ");
    }
}

// promise: cpp-lifespan
TEST(Lifespan, NoConnectionIsAcceptedBeforeStartUpHasEnded) {
    ProAPI app;
    app.get("/", []() -> Task<std::string> { co_return "page"; });
    const std::string path = testing::TempDir() + "lifespan" + std::to_string(::getpid()) + ".sock";
    std::atomic<bool> has_started = false;
    app.on_startup([&]() -> Task<> {
        const int early = connect_to(path);  // the kernel's queue takes it
        EXPECT_GE(early, 0);
        for (int i = 0; i < 5; ++i) co_await sleep(1ms);
        EXPECT_EQ(statistics().accepted, 0U);
        ::close(early);
        has_started = true;
    });
    const RunningServer server = app.start({.uds = path, .workers = 2});
    EXPECT_TRUE(has_started);
}

// promise: cpp-lifespan
TEST(Lifespan, AStartUpThatThrowsStopsTheStart) {
    testing::internal::CaptureStderr();
    ProAPI app;
    bool fails = true;
    std::string log;
    const auto witness = std::make_shared<int>();
    app.on_startup([&, witness]() -> Task<> {
        spawn([witness]() -> Task<> { co_await sleep(1h); });
        log += "one ";
        co_return;
    });
    const int line = __LINE__ + 1;
    app.on_startup([&]() -> Task<> {
        co_await sleep(1ms);
        if (fails) throw std::runtime_error("no such database");
    });
    app.on_startup([&] { log += "three "; });
    app.on_shutdown([&] { log += "shutdown "; });
    const std::string expected =
        "the start-up function of " + std::string(__FILE__) + ":" + std::to_string(line) + " failed: no such database";
    EXPECT_EQ(test::error_of([&] { static_cast<void>(app.start({.port = 0, .workers = 2})); }), expected);
    EXPECT_EQ(log, "one ");
    EXPECT_EQ(witness.use_count(), 2) << "what start-up has spawned has ended";
    fails = false;
    log.clear();
    static_cast<void>(app.start({.port = 0}));
    EXPECT_EQ(log, "one three shutdown ");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// promise: cpp-lifespan
TEST(Lifespan, EveryShutdownFunctionRunsAfterTheHandlersOfAllWorkers) {
    testing::internal::CaptureStderr();
    ProAPI app;
    std::atomic<int> running = 0;
    int running_at_shutdown = -1;
    bool has_run = false;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        ++running;
        co_await websocket.wait_closed();
        co_await sleep(20ms);  // takes its time to end
        --running;
    });
    app.on_shutdown([&] { has_run = true; });
    const int line = __LINE__ + 1;
    app.on_shutdown([] { throw std::runtime_error("can't save"); });
    app.on_shutdown([&] { running_at_shutdown = running; });
    {
        RunningServer server = app.start({.port = 0, .workers = 3});
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<Client>(server.port(), "/"));
        while (running < 12) std::this_thread::yield();
        server.stop();
        for (const auto& client : clients) {
            EXPECT_EQ(client->read_close(), 1001);
            client->finish(1001);
        }
    }
    EXPECT_EQ(running_at_shutdown, 0);
    EXPECT_TRUE(has_run);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("the shutdown function of " + std::string(__FILE__) + ":" + std::to_string(line) +
                       " failed: can't save"),
              std::string::npos)
        << log;
}

// promise: cpp-lifespan
TEST(Lifespan, AShutdownFunctionMaySpawnAndJoin) {
    ProAPI app;
    std::string log;
    const auto witness = std::make_shared<int>();
    app.on_shutdown([&]() -> Task<> {
        spawn([witness]() -> Task<> { co_await sleep(1h); });  // ends with the shutdown
        const auto saved = spawn([]() -> Task<std::string> {
            co_await sleep(1ms);
            co_return "saved";
        });
        log = co_await saved.join();
    });
    static_cast<void>(app.start({.port = 0}));
    EXPECT_EQ(log, "saved");
    EXPECT_EQ(witness.use_count(), 1) << "what it has spawned has ended";
}

// promise: cpp-join
TEST(Lifespan, AJoinOfATaskThatTheStopHasDestroyedThrowsCancelled) {
    ProAPI app;
    app.setting("shutdown_timeout", "0.01");
    std::optional<ResultHandle<int>> stubborn;
    std::string log;
    app.on_startup([&] {
        stubborn = spawn([]() -> Task<int> {
            while (true) {
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {  // ignored
                }
            }
        });
    });
    app.on_shutdown([&]() -> Task<> {
        try {
            static_cast<void>(co_await stubborn->join());
        } catch (const Cancelled&) {
            log = "cancelled";
        }
    });
    static_cast<void>(app.start({.port = 0}));
    EXPECT_EQ(log, "cancelled");
}

TEST(Lifespan, FunctionsAreAddedBeforeItServes) {
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::error_of([&] { app.on_startup([] {}); }),
              "on_startup(): expected before start(), got it while the app serves");
    EXPECT_EQ(test::error_of([&] { app.on_shutdown([] {}); }),
              "on_shutdown(): expected before start(), got it while the app serves");
}

}  // namespace
}  // namespace proapi
