// Sends from other threads: of the program's own, of other workers, and of another server.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, SendFromOthers) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    test::add_waiting_handler(app, opened);
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    {
        const WebSocketConnection websocket = opened.get_future().get();
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([websocket, t] {
                for (int i = 0; i < 500; ++i)
                    websocket.send_text(std::to_string(t) + ":" + std::to_string(i) + std::string(50, '.'));
            });
        int next[4] = {};
        for (int i = 0; i < 2000; ++i) {
            const std::string text = client.read_text();
            const int t = text[0] - '0';
            ASSERT_EQ(text, std::to_string(t) + ":" + std::to_string(next[t]++) + std::string(50, '.'));
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_THROW(websocket.close(5), std::invalid_argument);
        websocket.close(4000, "from outside");
    }
    EXPECT_EQ(client.read_close(), 4000);
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, SendBeforeAcceptIsRefused) {
    ProAPI app;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        std::thread([websocket] { EXPECT_THROW(websocket.send_text("too early"), WebSocketStateError); }).join();
        co_await websocket.accept();
        std::thread([websocket] { websocket.send_text("first"); }).join();
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "first");
    client.finish();
}

std::size_t resident_bytes() {
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, SendsToABusyThreadAreBounded) {
    ProAPI app;
    app.setting("max_buffered", "1000000");
    std::promise<WebSocketConnection> opened;
    std::promise<void> go_on;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.receive_text();
        opened.set_value(websocket);
        go_on.get_future().wait();  // as a handler that computes would: nothing that was sent leaves
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    client.send("compute");
    {
        const WebSocketConnection websocket = opened.get_future().get();
        const std::string message(100'000, 'x');
        const std::size_t before = resident_bytes();
        for (int i = 0; i < 1000; ++i) websocket.send_text(message);
        EXPECT_LT(resident_bytes(), before + 20'000'000);
    }
    go_on.set_value();
    EXPECT_EQ(client.read_close(), 1008);
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, ARoomOverSeveralWorkers) {
    ProAPI app;
    std::mutex mutex;
    std::set<WebSocketConnection> members;
    std::set<std::thread::id> threads;
    app.websocket("/room", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        {
            const std::lock_guard lock(mutex);
            members.insert(websocket);
            threads.insert(std::this_thread::get_id());
        }
        co_await websocket.send_text("ready");
        while (auto text = co_await websocket.next_text()) {
            std::set<WebSocketConnection> all;
            {
                const std::lock_guard lock(mutex);
                all = members;
            }
            int delivered = 0;
            for (const WebSocketConnection& member : all) delivered += co_await member.send_text(*text) ? 1 : 0;
            const std::string result = "delivered " + std::to_string(delivered);
            co_await websocket.send_text(result);
        }
    });
    RunningServer server = app.start({.port = 0, .workers = 4});
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 16; ++i) {
        clients.push_back(std::make_unique<Client>(server.port(), "/room"));
        EXPECT_EQ(clients.back()->read_text(), "ready");
    }
    for (int turn = 0; turn < 20; ++turn) {
        clients[0]->send("message " + std::to_string(turn));
        for (auto& client : clients) ASSERT_EQ(client->read_text(), "message " + std::to_string(turn));
        ASSERT_EQ(clients[0]->read_text(), "delivered 16");
    }
    clients[5]->reset();
    clients[6]->finish();
    std::string counted;
    do {  // until the engine has seen the reset
        clients[0]->send("after");
        ASSERT_EQ(clients[0]->read_text(), "after");
        counted = clients[0]->read_text();
    } while (counted != "delivered 14");
    server.stop();
    clients.clear();
    server.wait();
    EXPECT_GT(threads.size(), 1U);
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, ManyWorkersStopWithSendsUnderWay) {
    constexpr auto pace = 1ms;
    for (int round = 0; round < 5; ++round) {
        ProAPI app;
        std::mutex mutex;
        std::vector<WebSocketConnection> members;
        app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
            co_await websocket.accept();
            {
                const std::lock_guard lock(mutex);
                members.push_back(websocket);
            }
            while (true) {
                std::vector<WebSocketConnection> all;
                {
                    const std::lock_guard lock(mutex);
                    all = members;
                }
                for (const WebSocketConnection& member : all) co_await member.send_text(std::string(1000, 'x'));
                co_await sleep(pace);
            }
        });
        RunningServer server = app.start({.port = 0, .workers = 3});
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 6; ++i) clients.push_back(std::make_unique<Client>(server.port(), "/"));
        for (auto& client : clients) EXPECT_EQ(client->read().opcode, 1);
        server.stop();
        clients.clear();
        server.wait();
    }
}

// Nobody can wait there: the message was taken over, and that is all that is known.
TEST(RemoteSend, OnAThreadOfNoServerNothingIsWaitedFor) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    test::add_waiting_handler(app, opened);
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    const WebSocketConnection websocket = opened.get_future().get();
    auto sending = websocket.send_text(std::string(1'000'000, 'x'));
    EXPECT_TRUE(sending.await_ready());
    EXPECT_TRUE(sending.await_resume());
    EXPECT_EQ(client.read_text().size(), 1'000'000U);
    EXPECT_THROW(websocket.send_text("\xff"), std::invalid_argument);
    client.finish();
    while (!websocket.closed()) std::this_thread::yield();
    auto late = websocket.send_text("late");
    EXPECT_TRUE(late.await_ready());
    EXPECT_FALSE(late.await_resume());
}

// A connection of one server, and another server whose handlers send to it.
struct TwoServers {
    static constexpr std::size_t size = 16'000'000;  // more than the kernel takes

    TwoServers() {
        app.setting("shutdown_timeout", "0.05");
        other.setting("shutdown_timeout", "0.05");
        app.setting("max_buffered", "100000000");
        app.websocket("/", [this](WebSocketConnection websocket) -> Task<> {
            co_await websocket.accept();
            opened.set_value(websocket);
            co_await websocket.wait_closed();
        });
        server.emplace(app.start({.port = 0}));
        client.emplace(server->port(), "/");
        target.emplace(opened.get_future().get());
    }
    // What `serve` gives, in a handler of the other server; the answer is read by read_response().
    void ask(std::function<Task<std::string>()> serve) {
        other.get("/", [serve]() -> Task<std::string> { co_return co_await serve(); });
        other_server.emplace(other.start({.port = 0}));
        asking.emplace(other_server->port());
        asking->write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }

    ProAPI app, other;
    std::promise<WebSocketConnection> opened;
    std::optional<RunningServer> server, other_server;
    std::optional<Client> client, asking;
    std::optional<WebSocketConnection> target;
};

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, AwaitedInAnotherServerItEndsWithTheConnection) {
    TwoServers both;
    std::promise<void> sent;
    both.ask([&]() -> Task<std::string> {
        auto sending = both.target->send_text(std::string(TwoServers::size, 'x'));
        sent.set_value();
        const bool is_taken = co_await sending;
        const bool is_next_taken = co_await both.target->send_text("next");
        co_return std::string(is_taken ? "taken" : "dropped") + (is_next_taken ? " taken" : " dropped");
    });
    sent.get_future().wait();
    both.server.reset();  // its client has read nothing
    EXPECT_EQ(test::get_body(both.asking->read_response()), "dropped dropped");
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, TheServerOfWhoWaitsMayEndFirst) {
    TwoServers both;
    std::promise<void> sent;
    both.ask([&]() -> Task<std::string> {
        auto sending = both.target->send_text(std::string(TwoServers::size, 'x'));
        sent.set_value();
        const bool is_taken = co_await sending;
        co_return is_taken ? "taken" : "dropped";
    });
    sent.get_future().wait();
    both.other_server.reset();
    EXPECT_EQ(test::status_of(both.asking->read_response()), 503);
    EXPECT_EQ(both.client->read_text().size(), TwoServers::size);
    both.target->send_text("next");
    EXPECT_EQ(both.client->read_text(), "next");
}

// promise: cpp-sends-from-any-thread
TEST(RemoteSend, ACancelledWaitNeitherLosesNorDoubles) {
    TwoServers both;
    std::promise<void> timed_out;
    both.ask([&]() -> Task<std::string> {
        std::string outcome = "in time";
        try {
            co_await wait_for(both.target->send_text(std::string(TwoServers::size, 'x')), 1ms);
        } catch (const TimeoutError&) {
            outcome = "timed out";
        }
        timed_out.set_value();
        const bool is_taken = co_await both.target->send_text("next");
        outcome += is_taken ? ", next taken" : ", next dropped";
        co_return outcome;
    });
    timed_out.get_future().wait();
    EXPECT_EQ(both.client->read_text().size(), TwoServers::size);
    EXPECT_EQ(both.client->read_text(), "next");
    EXPECT_EQ(test::get_body(both.asking->read_response()), "timed out, next taken");
}

// It was on its way when the connection was closed.
TEST(RemoteSend, ToAConnectionThatIsClosedMeanwhileItIsDroppedAndCounted) {
    ProAPI app, other;
    std::promise<WebSocketConnection> opened;
    std::promise<void> is_sent;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.receive_text();
        opened.set_value(websocket);
        is_sent.get_future().wait();  // as a handler that computes would
        websocket.close(4000);
    });
    app.get("/dropped", []() -> Task<std::string> { co_return std::to_string(statistics().dropped); });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    client.send("compute");
    const WebSocketConnection websocket = opened.get_future().get();
    other.get("/", [&]() -> Task<std::string> {
        auto sending = websocket.send_text("x");
        is_sent.set_value();
        const bool is_taken = co_await sending;
        co_return is_taken ? "taken" : "dropped";
    });
    const RunningServer other_server = other.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(other_server.port(), "GET", "/")), "dropped");
    EXPECT_EQ(client.read_close(), 4000);
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/dropped")), "1");
}

}  // namespace
}  // namespace proapi
