// Responses: text, JSON, octets, files, and bodies that are written while they go.
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <optional>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get_body;
using test::includes;
using test::request;
using test::status_of;

TEST(Response, WhatHandlersGive) {
    ProAPI app;
    app.get("/text", [] { return std::string("<p>hi</p>"); });
    app.get("/literal", [] { return "literal"; });
    app.get("/json", [] { return Json{{"a", 1}}; });
    app.get("/bytes", [] { return Bytes{std::byte{1}, std::byte{0}}; });
    app.post("/nothing", [] {});
    app.get("/later", []() -> Task<Json> {
        co_await sleep(1ms);
        co_return Json::array({1, 2});
    });
    app.get("/response", [] { return Response("no", 418, {{"X-A", "b"}}, "text/plain"); });
    const RunningServer server = app.start({.port = 0});
    const std::string text = request(server.port(), "GET", "/text");
    EXPECT_TRUE(includes(text, "Content-Type: text/html; charset=utf-8\r\n")) << text;
    EXPECT_EQ(get_body(text), "<p>hi</p>");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/literal")), "literal");
    const std::string json = request(server.port(), "GET", "/json");
    EXPECT_TRUE(includes(json, "Content-Type: application/json\r\n")) << json;
    EXPECT_EQ(get_body(json), "{\"a\":1}");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/bytes")), std::string("\1\0", 2));
    EXPECT_EQ(status_of(request(server.port(), "POST", "/nothing")), 204);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/later")), "[1,2]");
    const std::string response = request(server.port(), "GET", "/response");
    EXPECT_EQ(status_of(response), 418);
    EXPECT_TRUE(includes(response, "X-A: b\r\n")) << response;
}

// promise: familiar-names
TEST(Response, ResponsesAndExceptionsHaveStarlettesNames) {
    static_assert(std::is_same_v<WebSocket, WebSocketConnection>);
    ProAPI app;
    app.get("/response", [] {
        Response response("body { }");
        response.status_code = 203;
        response.media_type = "text/css";
        return response;
    });
    app.get("/latin", [] { return Response("x", 200, {}, "Text/Plain; Charset=latin-1"); });
    app.get("/json", [] { return Response::json(Json::array(), 202); });
    app.get("/exception", []() -> std::string {
        throw HTTPException(401, "who are you?", {{"WWW-Authenticate", "Basic"}, {"content-type", "text/x"}});
    });
    app.get("/phrase", []() -> std::string { throw HTTPException(404); });
    const RunningServer server = app.start({.port = 0});
    const std::string response = request(server.port(), "GET", "/response");
    EXPECT_EQ(status_of(response), 203);
    EXPECT_TRUE(includes(response, "Content-Type: text/css; charset=utf-8\r\n")) << response;
    const std::string latin = request(server.port(), "GET", "/latin");
    EXPECT_TRUE(includes(latin, "Content-Type: Text/Plain; Charset=latin-1\r\n")) << latin;
    EXPECT_EQ(status_of(request(server.port(), "GET", "/json")), 202);
    const std::string exception = request(server.port(), "GET", "/exception");
    EXPECT_EQ(status_of(exception), 401);
    EXPECT_TRUE(includes(exception, "WWW-Authenticate: Basic\r\n")) << exception;
    EXPECT_TRUE(includes(exception, "content-type: text/x\r\n")) << exception;
    EXPECT_EQ(get_body(exception), "who are you?\n");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/phrase")), "Not Found\n");

    const HTTPException error(410, "gone", {{"X-A", "1"}});
    EXPECT_EQ(error.status_code(), 410);
    EXPECT_EQ(error.detail(), "gone");
    EXPECT_EQ(error.headers()["x-a"], "1");
    EXPECT_THROW(HTTPException(404, "gone", {{"X-A", "a\r\nb: c"}}), std::invalid_argument);
}

// promise: older-names
TEST(Response, OlderNamesAreTheSameMembers) {
    Response response("x", 201);
    response.status = 202;
    response.content_type = "image/png";
    EXPECT_EQ(response.status_code, 202);
    EXPECT_EQ(response.media_type, "image/png");
    Response copy = response;
    copy.status = 203;
    EXPECT_EQ(std::pair(response.status, copy.status_code), std::pair(202, 203));
    response = copy;
    EXPECT_EQ(response.status, 203);
    response = Response("y", 204);
    EXPECT_EQ(std::pair(response.status, response.content_type), std::pair(204, std::string("text/html")));
    const Response moved = std::move(copy);
    EXPECT_EQ(std::pair(moved.status, moved.content_type), std::pair(203, std::string("image/png")));
    EXPECT_EQ(HTTPException(404, "gone").status(), 404);
}

TEST(Response, Streams) {
    ProAPI app;
    app.get("/count", [] {
        return Response::stream([](BodyWriter body) -> Task<> {
            for (int i = 0; i < 3; ++i) {
                co_await body.write(std::to_string(i) + "\n");
                co_await sleep(1ms);
            }
        });
    });
    std::promise<void> stopped;
    app.get("/endless", [&] {
        return Response::stream([&](BodyWriter body) -> Task<> {
            // Told by write(), or cancelled where the client has gone before the stream began.
            struct Stopped {
                std::promise<void>& promise;
                ~Stopped() { promise.set_value(); }
            } const told{stopped};
            const std::string part(100'000, 'x');
            while (co_await body.write(part)) continue;
        });
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/count")), "2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n");
    {
        Client client(server.port());
        client.write("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.read_head();  // a request that is reset before it is read is none
        client.reset();
    }
    EXPECT_EQ(stopped.get_future().wait_for(10s), std::future_status::ready);
}

int status_of_head(std::uint16_t port, const std::string& method, const std::string& target) {
    Client client(port);
    client.write(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_head();
    return client.status();
}

// promise: cpp-stream-head
TEST(Response, AStreamThatFailsBeforeItsFirstPart) {
    ProAPI app;
    app.get("/missing", [] {
        return Response::stream([](BodyWriter) -> Task<> {
            throw HTTPException(404, "no such table");
            co_return;
        });
    });
    app.get("/broken", [] {
        return Response::stream([](BodyWriter) -> Task<> {
            throw std::runtime_error("on purpose");
            co_return;
        });
    });
    app.get("/no-coroutine", [] {
        return Response::stream([](BodyWriter body) {
            if (true) throw HTTPException(409, "not now");
            return [](BodyWriter) -> Task<> { co_return; }(std::move(body));
        });
    });
    app.get("/none", [] { return Response::stream(nullptr); });
    app.get("/header", [] {
        Response response = Response::stream([](BodyWriter body) -> Task<> {
            try {
                co_await body.write("x");
            } catch (...) {
            }
        });
        response.headers.add("X", "a\r\nb: c");
        return response;
    });
    app.get("/empty", [] { return Response::stream([](BodyWriter) -> Task<> { co_return; }); });
    const RunningServer server = app.start({.port = 0});
    for (const std::string method : {"GET", "HEAD"}) {
        EXPECT_EQ(status_of_head(server.port(), method, "/missing"), 404);
        EXPECT_EQ(status_of_head(server.port(), method, "/broken"), 500);
        EXPECT_EQ(status_of_head(server.port(), method, "/no-coroutine"), 409);
        EXPECT_EQ(status_of_head(server.port(), method, "/none"), 500);
        EXPECT_EQ(status_of_head(server.port(), method, "/header"), 500);
        EXPECT_EQ(status_of_head(server.port(), method, "/empty"), 200);
    }
    EXPECT_EQ(get_body(request(server.port(), "GET", "/missing")), "no such table\n");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/empty")), "0\r\n\r\n");
}

// promise: cpp-stream-head
TEST(Response, AQuietStreamOpensAtOnceAndAFailureAfterThatIsACut) {
    ProAPI app;
    std::promise<void> seen, cancelled;
    app.get("/", [&] {
        return Response::stream([&](BodyWriter) -> Task<> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled.set_value();
                throw;
            }
        });
    });
    app.get("/late", [&] {
        return Response::stream([](BodyWriter body) -> Task<> {
            co_await body.write("part");
            throw HTTPException(404, "too late");
        });
    });
    app.head("/head", [&] {
        return Response::stream([](BodyWriter body) -> Task<> {
            while (true) co_await body.write("never sent");
        });
    });
    const RunningServer server = app.start({.port = 0});
    {
        Client client(server.port());
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.read_head();
        EXPECT_EQ(client.status(), 200);
        client.reset();
    }
    EXPECT_EQ(cancelled.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_EQ(status_of_head(server.port(), "HEAD", "/head"), 200);
    EXPECT_EQ(status_of_head(server.port(), "HEAD", "/"), 200);
    std::string response;
    try {
        response = request(server.port(), "GET", "/late");
    } catch (const std::runtime_error&) {  // reset: it does not look whole
    }
    EXPECT_FALSE(response.ends_with("0\r\n\r\n")) << response;
}

TEST(Response, Files) {
    const auto folder = std::filesystem::temp_directory_path() / ("proapi-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "sub");
    std::ofstream(folder / "index.html") << "index";
    std::ofstream(folder / "sub" / "a.txt") << "0123456789";
    std::filesystem::create_symlink(folder / "sub" / "a.txt", folder / "link.txt");
    ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
    ProAPI app;
    app.static_files("/", folder);
    app.static_("/files", folder / "sub");
    app.get("/one", [&] { return Response::file(folder / "sub" / "a.txt"); });
    app.get("/link", [&] { return Response::file(folder / "link.txt"); });
    app.get("/fifo", [&] { return Response::file(folder / "fifo"); });
    app.get("/none", [&] { return Response::file(folder / "none"); });
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(get_body(request(server.port(), "GET", "/")), "index");
        EXPECT_EQ(get_body(request(server.port(), "GET", "/sub/a.txt")), "0123456789");
        EXPECT_EQ(get_body(request(server.port(), "GET", "/files/a.txt")), "0123456789");
        EXPECT_EQ(get_body(request(server.port(), "GET", "/one")), "0123456789");
        const std::string part = request(server.port(), "GET", "/one", "", "Range: bytes=2-4\r\n");
        EXPECT_EQ(status_of(part), 206);
        EXPECT_EQ(get_body(part), "234");
        EXPECT_EQ(get_body(request(server.port(), "GET", "/link")), "0123456789");
        EXPECT_EQ(status_of(request(server.port(), "GET", "/fifo")), 404);
        EXPECT_EQ(status_of(request(server.port(), "GET", "/none")), 404);
        EXPECT_EQ(status_of(request(server.port(), "GET", "/../etc/passwd")), 404);
    }
    std::filesystem::remove_all(folder);
}

// promise: cpp-moved-from
TEST(Response, AWriterThatWasMovedFromIsRefused) {
    ProAPI app;
    app.get("/", [] {
        return Response::stream([](BodyWriter body) -> Task<> {
            const BodyWriter kept = std::move(body);
            EXPECT_THROW(body.write("x"), std::logic_error);
            auto writing = kept.write("y");
            auto moved = std::move(writing);
            EXPECT_THROW(static_cast<void>(co_await writing), std::logic_error);
            EXPECT_TRUE(co_await moved);
        });
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")), "1\r\ny\r\n0\r\n\r\n");
}

TEST(Response, AStreamIsWrittenOnTheHandlersThread) {
    ProAPI app;
    app.get("/", [] {
        return Response::stream([](BodyWriter body) -> Task<> {
            EXPECT_EQ(test::error_on_another_thread([&] { body.write("x"); }),
                      "write(): expected to be called on the handler's thread, got another one");
            co_await body.write("y");
        });
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")), "1\r\ny\r\n0\r\n\r\n");
}

TEST(Response, AWriterThatIsKeptBeyondItsStreamIsRefused) {
    ProAPI app;
    std::optional<BodyWriter> kept;
    app.get("/stream", [&] {
        return Response::stream([&](BodyWriter body) -> Task<> {
            kept = body;
            co_await body.write("y");
        });
    });
    app.get("/late", [&]() -> Task<std::string> { co_return test::error_of([&] { kept->write("late"); }); });
    RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/stream")), "1\r\ny\r\n0\r\n\r\n");
    const std::string refused = get_body(request(server.port(), "GET", "/late"));
    EXPECT_NE(refused, "none");
    server.stop();
    server.wait();
    EXPECT_EQ(test::error_of([&] { kept->write("later"); }),
              "write(): expected to be called on the handler's thread, got another one");
}

// It waits for its client, and is cancelled by a time limit as anything else.
TEST(Response, AWriteThatWaitsCanBeCancelledAndTheStreamGoesOn) {
    ProAPI app;
    constexpr std::size_t size = 16'000'000;  // more than the kernel takes
    std::promise<void> timed_out;
    app.get("/", [&] {
        return Response::stream([&](BodyWriter body) -> Task<> {
            try {
                co_await wait_for(body.write(std::string(size, 'x')), 1ms);
            } catch (const TimeoutError&) {
                timed_out.set_value();
            }
            EXPECT_TRUE(co_await body.write("end"));
        });
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ASSERT_EQ(timed_out.get_future().wait_for(10s), std::future_status::ready);
    const std::string body = get_body(client.read_response());
    EXPECT_TRUE(body.ends_with("x\r\n3\r\nend\r\n0\r\n\r\n")) << body.substr(body.size() - 40);
    EXPECT_EQ(body.size(), std::string("f42400\r\n").size() + size + std::string("\r\n3\r\nend\r\n0\r\n\r\n").size());
}

TEST(Response, WhatJsonCantHoldIsRefusedWhereItIsMade) {
    EXPECT_THROW(static_cast<void>(Response::json("\xff")), std::invalid_argument);
    EXPECT_EQ(Response::json(Json::array({1})).media_type, "application/json");
}

TEST(Response, AContentTypeOfTheCallersWins) {
    ProAPI app;
    app.get("/own", [] { return Response("x", 200, {{"content-type", "text/x"}}); });
    app.get("/text", [] { return Response("x", 200, {}, "TEXT/csv"); });
    app.get("/none", [] { return Response("x", 200, {}, ""); });
    const RunningServer server = app.start({.port = 0});
    const std::string own = request(server.port(), "GET", "/own");
    EXPECT_TRUE(includes(own, "content-type: text/x\r\n")) << own;
    EXPECT_FALSE(includes(own, "Content-Type: ")) << own;
    const std::string text = request(server.port(), "GET", "/text");
    EXPECT_TRUE(includes(text, "Content-Type: TEXT/csv; charset=utf-8\r\n")) << text;
    const std::string none = request(server.port(), "GET", "/none");
    EXPECT_FALSE(includes(none, "Content-Type")) << none;
}

TEST(Response, AStreamThatWritesOnWhenItsClientHasLeftIsToldEachTime) {
    ProAPI app;
    std::promise<int> told;
    app.get("/", [&] {
        return Response::stream([&](BodyWriter body) -> Task<> {
            const std::string part(1 << 20, '.');
            bool is_there = true;
            while (is_there) is_there = co_await body.write(part);
            int refused = 0;
            for (int i = 0; i < 3; ++i) {
                is_there = co_await body.write(part);
                if (!is_there) ++refused;
            }
            told.set_value(refused);
        });
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_head();
    client.reset();
    auto found = told.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), 3);
}

// Nobody reads what it would write.
TEST(Response, AStreamToHeadIsDestroyedWhereItFirstWaits) {
    ProAPI app;
    std::promise<std::string> ended;
    app.head("/", [&] {
        return Response::stream([&](BodyWriter) -> Task<> {
            struct Told {
                std::promise<std::string>& promise;
                std::string how = "destroyed";
                ~Told() { promise.set_value(how); }
            } told{ended};
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                told.how = "cancelled";
                throw;
            }
        });
    });
    const RunningServer server = app.start({.port = 0});
    Client client(server.port());  // and stays
    client.write("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_head();
    EXPECT_EQ(client.status(), 200);
    auto found = ended.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), "destroyed");
}

}  // namespace
}  // namespace proapi
