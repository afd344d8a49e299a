// cancel_on_disconnect and is_disconnected(): how a handler learns that its client has left while it waits for
// something else.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <future>
#include <map>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;

// Waits for ever, and says how that ended.
Task<> wait_for_ever(std::promise<std::string>* ended) {
    std::string how = "taken away";
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        how = "cancelled";
    }
    ended->set_value(how);
    if (how == "cancelled") throw Cancelled();
}

void leave_by_close(Client& client) {
    client.send(std::string("\x10\x04", 2), 8);  // 4100, and TCP stays open
}
void leave_by_fin(Client& client) {
    client.end_sending();
}
void leave_by_reset(Client& client) {
    client.reset();
}

// One that waits before or after accept(), of whose client so many messages come before it leaves.
void expect_that_it_is_cancelled(const std::string& at, void (*leave)(Client&), int unread) {
    ProAPI app;
    std::promise<void> begun;
    std::promise<std::string> ended;
    app.websocket(at,
                  [&](WebSocketConnection websocket) -> Task<> {
                      if (websocket.path() == "/accepted") co_await websocket.accept();
                      begun.set_value();
                      co_await wait_for_ever(&ended);
                  },
                  {.cancel_on_disconnect = true});
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write_handshake(at);
    begun.get_future().wait();
    for (int i = 0; i < unread; ++i) client.send("unread");
    leave(client);
    EXPECT_EQ(ended.get_future().get(), "cancelled") << at << ", " << unread;
}

// promise: cpp-cancel-on-disconnect
TEST(CancelOnDisconnect, AWebSocketsHandler) {
    expect_that_it_is_cancelled("/accepted", leave_by_close, 0);
    for (const auto leave : {leave_by_fin, leave_by_reset})
        for (const char* at : {"/accepted", "/early"}) expect_that_it_is_cancelled(at, leave, 0);
}

// More than the server takes in for a handler that reads nothing.
// promise: cpp-cancel-on-disconnect
TEST(CancelOnDisconnect, AWebSocketsHandlerThatReadsNothingOfWhatComesBeforeTheEnd) {
    for (const auto leave : {leave_by_fin, leave_by_reset})
        for (const char* at : {"/accepted", "/early"}) expect_that_it_is_cancelled(at, leave, 1000);
}

// It knows of the end, and a stop gives it the time to clean up.
// promise: cpp-cancel-on-disconnect
TEST(CancelOnDisconnect, AStopDoesNotCancelAgain) {
    ProAPI app;
    std::promise<void> begun[2], cleaning[2];
    std::promise<std::string> cleaned[2];
    const auto wait = [&](std::size_t which) -> Task<> {
        begun[which].set_value();
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        cleaning[which].set_value();
        std::string how = "in time";
        try {
            co_await sleep(800ms);
        } catch (const Cancelled&) {
            how = "cancelled again";
        }
        cleaned[which].set_value(how);
    };
    app.get("/http",
            [&]() -> Task<std::string> {
                co_await wait(0);
                co_return "never";
            },
            {.cancel_on_disconnect = true});
    app.websocket("/ws",
                  [&](WebSocketConnection websocket) -> Task<> {
                      co_await websocket.accept();
                      co_await wait(1);
                  },
                  {.cancel_on_disconnect = true});
    RunningServer server = app.start({.port = 0});
    Client http(server.port()), websocket(server.port(), "/ws");
    http.write("GET /http HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (auto& each : begun) each.get_future().wait();
    http.reset();
    websocket.reset();
    for (auto& each : cleaning) each.get_future().wait();
    server.stop();
    for (auto& each : cleaned) EXPECT_EQ(each.get_future().get(), "in time");
    server.wait();
}

// Saves what it has, which takes a while, and says how that went.
Task<> save(std::promise<std::string>* saved) {
    std::string how = "saved";
    try {
        co_await sleep(20ms);
    } catch (const Cancelled&) {
        how = "cancelled";
    }
    saved->set_value(how);
}

// Receives, and ends as it likes when it is told of the end.
Task<> receive(WebSocketConnection websocket, bool throws) {
    try {
        while (true) co_await websocket.receive_text();
    } catch (const WebSocketDisconnect&) {
        if (throws) throw;
    }
}

using Serve = std::function<Task<>(WebSocketConnection)>;

void expect_that_it_saves(const char* what, const Serve& serve) {
    for (const auto leave : {leave_by_close, leave_by_fin, leave_by_reset}) {
        ProAPI app;
        std::promise<std::string> saved;
        app.websocket("/",
                      [&](WebSocketConnection websocket) -> Task<> {
                          co_await websocket.accept();
                          try {
                              co_await serve(websocket);
                          } catch (const WebSocketDisconnect&) {
                          }
                          co_await save(&saved);
                      },
                      {.cancel_on_disconnect = true});
        const RunningServer server = app.start({.port = 0});
        Client client(server.port(), "/");
        leave(client);
        EXPECT_EQ(saved.get_future().get(), "saved") << what;
    }
}

// promise: cancel-not-twice
TEST(CancelOnDisconnect, NotOneThatAReceiveHasToldOfIt) {
    expect_that_it_saves("receive", [](WebSocketConnection websocket) { return receive(websocket, true); });
    expect_that_it_saves("next", [](WebSocketConnection websocket) -> Task<> {
        while (co_await websocket.next()) continue;
    });
    for (const bool throws : {false, true}) {
        expect_that_it_saves("wait_for", [throws](WebSocketConnection websocket) -> Task<> {
            co_await wait_for(receive(websocket, throws), 10s);
        });
        expect_that_it_saves("when_any", [throws](WebSocketConnection websocket) -> Task<> {
            std::vector<Task<>> tasks;
            tasks.push_back(receive(websocket, throws));
            tasks.push_back([]() -> Task<> { co_await sleep(1h); }());
            co_await when_any(std::move(tasks));
        });
    }
    expect_that_it_saves("when_all", [](WebSocketConnection websocket) -> Task<> {
        const auto wait = []() -> Task<> { co_await sleep(1h); };
        co_await when_all(receive(websocket, true), wait());
    });
}

// A part of it is told, and the other waits for ever.
TEST(CancelOnDisconnect, OneOfWhichAPartIsTold) {
    ProAPI app;
    std::promise<std::string> waiting, saved;
    app.websocket("/",
                  [&](WebSocketConnection websocket) -> Task<> {
                      co_await websocket.accept();
                      co_await when_all(receive(websocket, false), wait_for_ever(&waiting));
                  },
                  {.cancel_on_disconnect = true});
    app.websocket("/within",
                  [&](WebSocketConnection websocket) -> Task<> {
                      co_await websocket.accept();
                      const auto receive_and_save = [&]() -> Task<> {
                          co_await receive(websocket, false);
                          co_await save(&saved);
                      };
                      co_await wait_for(receive_and_save, 10s);
                  },
                  {.cancel_on_disconnect = true});
    const RunningServer server = app.start({.port = 0});
    Client one(server.port(), "/"), other(server.port(), "/within");
    one.reset();
    other.reset();
    EXPECT_EQ(waiting.get_future().get(), "cancelled");
    EXPECT_EQ(saved.get_future().get(), "saved");
}

// promise: cancel-not-twice
TEST(CancelOnDisconnect, NotAStreamThatAWriteHasToldOfIt) {
    ProAPI app;
    std::promise<std::string> saved;
    app.get("/", [&] {
        return Response::stream([&](BodyWriter body) -> Task<> {
            while (co_await body.write(std::string(1 << 20, '.'))) continue;
            co_await save(&saved);
        });
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_head();
    client.reset();
    EXPECT_EQ(saved.get_future().get(), "saved");
}

// Neither a stop nor a client's end: a failure of the handler.
TEST(Cancelled, OfAnotherTaskIsAFailure) {
    ProAPI app;
    const auto tell = [] {
        auto completion = std::make_shared<Completion<int>>();
        const TaskHandle job = spawn([](std::shared_ptr<Completion<int>> told) -> Task<> {
            try {
                co_await sleep(1h);
            } catch (...) {
                told->set_exception(std::current_exception());
            }
        }(completion));
        job.cancel();
        return completion;
    };
    app.get("/", [&]() -> Task<std::string> {
        const auto told = tell();
        co_await *told;
        co_return "";
    });
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        const auto told = tell();
        co_await *told;
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/")), 500);
    EXPECT_EQ(Client(server.port(), "/").read_close(), 1011);
}

// promise: cpp-cancel-on-disconnect, cancel-not-own-close
TEST(CancelOnDisconnect, NotOneThatClosesItselfAndNoneWithoutIt) {
    ProAPI app;
    std::promise<std::string> closes, plain, kicked;
    app.websocket("/closes",
                  [&](WebSocketConnection websocket) -> Task<> {
                      co_await websocket.accept();
                      co_await websocket.close(4000);
                      co_await websocket.wait_closed();
                      co_await sleep(1ms);
                      closes.set_value("has done its work");
                  },
                  {.cancel_on_disconnect = true});
    app.websocket("/kicked",
                  [&](WebSocketConnection websocket) -> Task<> {
                      co_await websocket.accept();
                      spawn([websocket]() -> Task<> {
                          co_await sleep(1ms);
                          co_await websocket.close(4003);
                      });
                      co_await wait_for_ever(&kicked);
                  },
                  {.cancel_on_disconnect = true}, {{"max_message_size", "16"}});
    app.websocket("/plain", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.wait_closed();
        co_await sleep(1ms);
        plain.set_value("has done its work");
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/closes");
    EXPECT_EQ(client.read_close(), 4000);
    client.finish(4000);
    EXPECT_EQ(closes.get_future().get(), "has done its work");
    Client(server.port(), "/plain").reset();
    EXPECT_EQ(plain.get_future().get(), "has done its work");
    EXPECT_EQ(Client(server.port(), "/kicked").read_close(), 4003);
    EXPECT_EQ(kicked.get_future().get(), "cancelled");
}

// promise: cpp-cancel-on-disconnect
TEST(CancelOnDisconnect, AnHttpHandler) {
    for (const auto leave : {leave_by_fin, leave_by_reset}) {
        ProAPI app;
        std::promise<void> begun;
        std::promise<std::string> ended;
        app.get("/",
                [&]() -> Task<std::string> {
                    begun.set_value();
                    co_await wait_for_ever(&ended);
                    co_return "never";
                },
                {.cancel_on_disconnect = true});
        const RunningServer server = app.start({.port = 0});
        Client client(server.port());
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        begun.get_future().wait();
        leave(client);
        EXPECT_EQ(ended.get_future().get(), "cancelled");
    }
}

// promise: cpp-cancel-on-disconnect
TEST(CancelOnDisconnect, AnAnswerIsNotInTheWayOfTheNext) {
    ProAPI app;
    app.get("/",
            []() -> Task<std::string> {
                co_await sleep(1ms);
                co_return "quick";
            },
            {.cancel_on_disconnect = true});
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    for (int i = 0; i < 5; ++i) {
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        EXPECT_EQ(test::get_body(client.read_response()), "quick");
    }
}

// promise: cpp-cancel-on-disconnect, cancel-needs-async
TEST(CancelOnDisconnect, IsForCoroutines) {
    ProAPI app;
    EXPECT_THROW(app.get("/", [] { return ""; }, {.cancel_on_disconnect = true}), RouteError);
}

// promise: cpp-is-disconnected
TEST(IsDisconnected, TellsAHandlerWhoAsks) {
    for (const auto leave : {leave_by_fin, leave_by_reset}) {
        ProAPI app;
        std::promise<void> begun, told;
        app.get("/", [&](Request request) -> Task<std::string> {
            EXPECT_FALSE(request.is_disconnected());
            begun.set_value();
            while (!request.is_disconnected()) co_await sleep(1ms);
            told.set_value();
            co_return "too late";
        });
        app.get("/thread", [](const Request& request) { return request.is_disconnected() ? "yes" : "no"; });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/thread")), 500);
        Client client(server.port());
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        begun.get_future().wait();
        leave(client);
        told.get_future().wait();
    }
}

}  // namespace
}  // namespace proapi
