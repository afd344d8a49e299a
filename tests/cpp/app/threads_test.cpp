// Sends and closes from other threads, and several workers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

// promise: cpp-sends-from-any-thread
TEST(Threads, SendFromOthers) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        opened.set_value(websocket);
        co_await websocket.receive_text();
    });
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
TEST(Threads, SendBeforeAcceptIsRefused) {
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
TEST(Threads, SendsToABusyThreadAreBounded) {
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

// promise: cpp-buffered-amount-on-any-thread
TEST(Threads, AProducerSeesItsOwnSendsAtOnce) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    std::promise<void> go_on;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.receive_text();
        opened.set_value(websocket);
        go_on.get_future().wait();  // as a handler that computes would
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    client.send("compute");
    const WebSocketConnection websocket = opened.get_future().get();
    EXPECT_EQ(websocket.buffered_amount(), 0U);
    for (int i = 1; i <= 3; ++i) {
        websocket.send_text(std::string(100'000, 'x'));
        EXPECT_EQ(websocket.buffered_amount(), 100'000U * static_cast<std::size_t>(i));
    }
    go_on.set_value();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_text().size(), 100'000U);
    while (websocket.buffered_amount() > 0) std::this_thread::yield();
    client.finish();
    while (!websocket.closed()) std::this_thread::yield();
    EXPECT_EQ(websocket.buffered_amount(), 0U);
}

// promise: cpp-buffered-amount-on-any-thread
TEST(Threads, AProducerPacesItself) {
    constexpr std::size_t count = 300, size = 100'000, most = 500'000;
    constexpr auto pause = 1ms;
    ProAPI app;
    app.setting("max_buffered", "2000000");
    std::promise<WebSocketConnection> opened;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        opened.set_value(websocket);
        co_await websocket.receive_text();
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    const WebSocketConnection websocket = opened.get_future().get();
    std::thread producer([&] {
        for (std::size_t i = 0; i < count; ++i) {
            while (!websocket.closed() && websocket.buffered_amount() > most) std::this_thread::sleep_for(pause);
            websocket.send_text(std::string(size, 'x'));
        }
    });
    std::size_t received = 0;
    for (std::size_t i = 0; i < count; ++i) received += client.read_text().size();
    producer.join();
    EXPECT_EQ(received, count * size);
    client.finish();
}

// promise: cpp-sends-from-any-thread
TEST(Threads, ARoomOverSeveralWorkers) {
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
TEST(Threads, ManyWorkersStopWithSendsUnderWay) {
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

}  // namespace
}  // namespace proapi
