// A worker's thread: what it counts, what is posted to it, and its stop: everybody is told, handlers are waited for,
// those that do not end are cancelled, and then taken away.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/worker.hpp"
#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

constexpr auto work_time = 30ms;  // what a handler still has to do when the server stops

TEST(Shutdown, TellsEverybodyAndWaitsForHandlers) {
    ProAPI app;
    std::atomic<int> ended = 0;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        try {
            co_await websocket.receive_text();
        } catch (const WebSocketDisconnect& end) {
            EXPECT_EQ(end.code(), 1001);
        }
        co_await sleep(work_time);
        ++ended;
    });
    RunningServer server = app.start({.port = 0});
    Client a(server.port(), "/"), b(server.port(), "/");
    server.stop();
    EXPECT_EQ(a.read_close(), 1001);
    EXPECT_EQ(b.read_close(), 1001);
    a.finish(1001);
    b.finish(1001);
    a.reset();
    b.reset();
    server.wait();
    EXPECT_EQ(ended, 2);
}

Task<> sleep_long() {
    co_await sleep(1h);
}

struct Witness {
    std::atomic<int>* count;
    ~Witness() { ++*count; }
};

TEST(Shutdown, CancelsThenTakesAwayWhatIsLeft) {
    ProAPI app;
    app.setting("shutdown_timeout", "0.05");
    std::atomic<int> cancelled = 0, destroyed = 0;
    app.websocket("/{kind}", [&](WebSocketConnection websocket, std::string kind) -> Task<> {
        const Witness witness{&destroyed};
        co_await websocket.accept();
        co_await websocket.send_text("ready");
        while (true) {
            bool stubborn = false;
            try {
                co_await when_all(sleep_long(), sleep_long());
            } catch (const Cancelled&) {
                ++cancelled;
                stubborn = kind == "stubborn";
            }
            if (!stubborn) co_return;
        }
    });
    RunningServer server = app.start({.port = 0});
    Client polite(server.port(), "/polite"), stubborn(server.port(), "/stubborn");
    EXPECT_EQ(polite.read_text(), "ready");
    EXPECT_EQ(stubborn.read_text(), "ready");
    server.stop();
    server.wait();
    EXPECT_EQ(cancelled, 2);
    EXPECT_EQ(destroyed, 2);
}

TEST(Shutdown, SpawnedTasksToo) {
    ProAPI app;
    app.setting("shutdown_timeout", "0.05");
    std::atomic<int> destroyed = 0;
    app.get("/", [&]() -> Task<std::string> {
        spawn([](std::atomic<int>* count) -> Task<> {
            const Witness witness{count};
            co_await sleep(1h);
        }(&destroyed));
        co_return "started";
    });
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "started");
        EXPECT_EQ(destroyed, 0);
    }
    EXPECT_EQ(destroyed, 1);
}

// Works until it is cancelled, and then has something left to do.
Task<> work_for_ever(std::string* log) {
    try {
        while (true) co_await sleep(1ms);
    } catch (const Cancelled&) {
        *log += "cancelled ";
    }
    co_await sleep(work_time);
    *log += "ended ";
}

// promise: cpp-spawned-tasks-at-the-stop
TEST(Shutdown, SpawnedTasksAreCancelledOnceHandlersHaveEnded) {
    ProAPI app;
    app.setting("shutdown_timeout", "60");
    std::string log;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        spawn(work_for_ever(&log));
        co_await websocket.send_text("ready");
        static_cast<void>(co_await websocket.next_text());
        co_await sleep(work_time);
        log += "handler ";
    });
    RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "ready");
    const auto begin = std::chrono::steady_clock::now();
    server.stop();
    client.finish(1001);
    client.reset();
    server.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
    EXPECT_EQ(log, "handler cancelled ended ");
}

// A request and the writer of its stream hold the same objects of a worker's thread. Other threads let them go: before
// it ends, while it does, and when it has. ThreadSanitizer sees whether they do it one after the other.
// promise: cpp-objects-outlive-the-server
TEST(Shutdown, OtherThreadsLetGoOfWhatIsLeft) {
    for (int i = 0; i < 30; ++i) {
        ProAPI app;
        std::optional<Request> request;
        std::optional<BodyWriter> writer;
        app.get("/", [&](Request given) {
            request = std::move(given);
            return Response::stream([&](BodyWriter body) -> Task<> {
                writer = body;
                co_await body.write("begun");
            });
        });
        RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "5\r\nbegun\r\n0\r\n\r\n");
        if (i % 3 == 1) server.stop();
        if (i % 3 == 2) {
            server.stop();
            server.wait();
        }
        std::thread one([&] { request.reset(); }), other([&] { writer.reset(); });
        if (i % 3 == 0) server.stop();
        one.join();
        other.join();
    }
}

// A server whose last turn lets go of an object of the other server's.
struct Side {
    ProAPI app;
    std::optional<WebSocketConnection> websocket;
    std::optional<Request> request;
    std::promise<void> taken_away, goes_on;
};

struct TakenAway {
    Side& side;
    ~TakenAway() {
        side.taken_away.set_value();
        side.goes_on.get_future().wait();
    }
};

// Lets go of the request once both threads are here.
struct Partner {
    std::shared_ptr<std::latch> meeting;
    std::optional<Request> request;
    ~Partner() { meeting->arrive_and_wait(); }
};

TEST(Shutdown, ServersThatHoldEachOthersObjectsStopAtOnce) {
    Side sides[2];
    const auto meeting = std::make_shared<std::latch>(2);
    std::vector<RunningServer> servers;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 2; ++i) {
        Side &side = sides[i], &other = sides[1 - i];
        side.app.setting("shutdown_timeout", "0");
        side.app.get("/", [&](Request request) {
            side.request = std::move(request);
            return "";
        });
        side.app.get("/pair", [&]() -> Task<std::string> {
            auto partner = std::make_shared<Partner>(meeting);
            partner->request = std::move(other.request);
            other.request.reset();
            side.websocket->user_data()["partner"] = std::move(partner);
            co_return "";
        });
        side.app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
            const TakenAway taken_away{side};
            side.websocket = websocket;
            co_await websocket.accept();
            while (true) {
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {  // until it is destroyed
                }
            }
        });
        servers.push_back(side.app.start({.port = 0}));
        EXPECT_EQ(test::status_of(test::request(servers.back().port(), "GET", "/")), 200);
        clients.push_back(std::make_unique<Client>(servers.back().port(), "/"));
    }
    for (RunningServer& each : servers) EXPECT_EQ(test::status_of(test::request(each.port(), "GET", "/pair")), 200);
    for (RunningServer& each : servers) each.stop();
    for (Side& each : sides) {
        each.taken_away.get_future().wait();
        each.websocket->close();  // runs in the last turn, which then lets go of the connection
        each.websocket.reset();
    }
    for (Side& each : sides) each.goes_on.set_value();
    for (RunningServer& each : servers) each.wait();
}

TEST(Shutdown, ARequestUnderWayIsAnswered) {
    ProAPI app;
    std::atomic<bool> begun = false;
    app.get("/", [&]() -> Task<std::string> {
        begun = true;
        co_await sleep(work_time);
        co_return "answered";
    });
    RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (!begun) std::this_thread::yield();
    server.stop();
    EXPECT_EQ(test::get_body(client.read_response()), "answered");
}

TEST(Worker, CountsWhatItsThreadHasDoneAndDoes) {
    ProAPI app;
    std::promise<WebSocketConnection> opened;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        opened.set_value(websocket);
        co_await websocket.wait_closed();
    });
    Statistics open, ended;
    app.get("/open", [&]() -> Task<std::string> {
        spawn([]() -> Task<> { co_await sleep(1h); });
        open = statistics();
        co_return "counted";
    });
    std::optional<WebSocketConnection> kept;
    app.get("/ended", [&]() -> Task<std::string> {
        co_await kept->wait_closed();
        for (int i = 0; i < 3; ++i) EXPECT_FALSE(co_await kept->send_text("nowhere"));
        ended = statistics();
        co_return "counted";
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/");
    kept = opened.get_future().get();
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/open")), "counted");
    EXPECT_EQ(open.accepted, 2U);
    EXPECT_EQ(open.connections, 2U);
    EXPECT_EQ(open.websockets, 1U);
    EXPECT_EQ(open.http, 1U);
    EXPECT_EQ(open.tasks, 3U);  // two handlers and what one of them has spawned
    EXPECT_EQ(open.dropped, 0U);
    EXPECT_TRUE(open.closed.empty());
    EXPECT_FALSE(open.limits.empty());
    client.finish(4100);
    client.reset();
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/ended")), "counted");
    EXPECT_EQ(ended.accepted, 3U);
    EXPECT_EQ(ended.websockets, 0U);
    EXPECT_EQ(ended.dropped, 3U);
    EXPECT_EQ(ended.closed, (std::map<std::uint16_t, std::uint64_t>{{4100, 1}}));
}

TEST(Worker, HasNoStatisticsElsewhere) {
    EXPECT_EQ(test::error_of([] { static_cast<void>(statistics()); }),
              "statistics(): expected to be called in a handler or a task that it started");
}

TEST(Worker, GoesOnAfterAnExceptionInItsLoop) {
    testing::internal::CaptureStderr();
    ProAPI app;
    std::promise<void> posted;
    app.get("/", [&]() -> Task<std::string> {
        detail::Worker::current()->post([] { throw std::runtime_error("on purpose"); });
        detail::Worker::current()->post([&] { posted.set_value(); });  // not lost with it
        co_return "here";
    });
    app.get("/again", []() -> Task<std::string> { co_return "still here"; });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
    EXPECT_EQ(posted.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/again")), "still here");
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("the server continues after an error: on purpose"), std::string::npos) << log;
}

TEST(Worker, AfterItsEndNothingIsPostedAndWhatIsLetGoIsLetGoInTurn) {
    std::shared_ptr<detail::Worker> worker;
    ProAPI app;
    app.get("/", [&]() -> Task<std::string> {
        worker = detail::Worker::current()->shared_from_this();
        co_return "here";
    });
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "here");
        EXPECT_FALSE(worker->is_current());
    }
    bool was_called = false;
    EXPECT_FALSE(worker->post([&] { was_called = true; }));
    std::string order;
    worker->release_late([&] {
        order += "first ";
        worker->release_late([&] { order += "third "; });  // not within the first
        order += "second ";
    });
    EXPECT_EQ(order, "first second third ");
    EXPECT_FALSE(was_called);
    worker->stop();  // it does no harm
}

TEST(Shutdown, NamesTheHandlersThatDoNotEnd) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        const auto wait = [](WebSocketConnection websocket) -> Task<> {
            co_await websocket.accept();
            co_await websocket.send_text("ready");
            co_await sleep(1h);
        };
        for (const char* path : {"/a", "/b", "/c", "/d", "/e", "/f"}) app.websocket(path, wait);
        const RunningServer server = app.start({.port = 0});
        std::vector<std::unique_ptr<Client>> clients;
        for (const char* path : {"/c", "/a", "/b", "/c", "/d", "/e", "/f"}) {
            clients.push_back(std::make_unique<Client>(server.port(), path));
            EXPECT_EQ(clients.back()->read_text(), "ready");
        }
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("7 handlers did not end within shutdown_timeout: they are cancelled: websocket /c (2), "
                       "websocket /a (1), websocket /b (1), websocket /d (1), websocket /e (1), ..."),
              std::string::npos)
        << log;
}

}  // namespace
}  // namespace proapi
