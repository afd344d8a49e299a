// HTTP handlers: what they take, what they give, what happens when they fail.
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get_body;
using test::request;
using test::status_of;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Otherwise it would wait in its thread for the next call, with the sockets of the server.
// promise: forked-child-ends
TEST(Http, AChildThatABlockingHandlerForkedEndsWhenItComesBack) {
    ProAPI app;
    app.get("/{how}", [](std::string how) -> std::string {
        const pid_t child = ::fork();
        if (child == 0) {
            if (how == "throw") throw HTTPException(404, "no such child");
            return "the child answers";
        }
        int status = 0;
        if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return "not ended";
        return "ended with " + std::to_string(WEXITSTATUS(status));
    });
    const RunningServer server = app.start({.port = 0});
    for (const char* const how : {"/return", "/throw"})
        EXPECT_EQ(get_body(request(server.port(), "GET", how)), "ended with 1") << how;
}

// promise: response-headers
TEST(Http, FieldsOfEveryResponse) {
    ProAPI app;
    app.get("/", [] { return "page"; });
    app.response_headers({{"Server", "mine"}, {"Content-Type", "text/plain"}});
    app.response_headers(security_headers());
    EXPECT_THROW(app.response_headers({{"X-One", "a\r\nX-Two: b"}}), std::invalid_argument);
    const RunningServer server = app.start({.port = 0});
    const std::string page = request(server.port(), "GET", "/");
    EXPECT_TRUE(has(page, "Server: mine\r\n")) << page;
    EXPECT_TRUE(has(page, "X-Frame-Options: SAMEORIGIN\r\n")) << page;
    EXPECT_TRUE(has(page, "Content-Type: text/html; charset=utf-8\r\n")) << page;
    const std::string refusal = request(server.port(), "GET", "/nothing");
    EXPECT_TRUE(has(refusal, "Server: mine\r\n")) << refusal;
    EXPECT_THROW(app.response_headers({}), std::logic_error) << "it serves";
}

TEST(Http, WhatHandlersGive) {
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
    EXPECT_TRUE(has(text, "Content-Type: text/html; charset=utf-8\r\n")) << text;
    EXPECT_EQ(get_body(text), "<p>hi</p>");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/literal")), "literal");
    const std::string json = request(server.port(), "GET", "/json");
    EXPECT_TRUE(has(json, "Content-Type: application/json\r\n")) << json;
    EXPECT_EQ(get_body(json), "{\"a\":1}");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/bytes")), std::string("\1\0", 2));
    EXPECT_EQ(status_of(request(server.port(), "POST", "/nothing")), 204);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/later")), "[1,2]");
    const std::string response = request(server.port(), "GET", "/response");
    EXPECT_EQ(status_of(response), 418);
    EXPECT_TRUE(has(response, "X-A: b\r\n")) << response;
}

// promise: route-methods, cpp-path-parameters, request-json
TEST(Http, WhatHandlersTake) {
    ProAPI app;
    app.post("/{a}/{n:int}", [](Request request, std::string a, std::int64_t n) {
        return Json{{"method", request.method()},
                    {"path", request.path()},
                    {"a", a},
                    {"n", n},
                    {"q", request.query_params()["q"]},
                    {"x", request.headers()["X-TEST"]},
                    {"cookie", request.cookies()["c"]},
                    {"body", request.json()}};
    });
    app.post("/form", [](Request request) -> Task<std::string> { co_return request.form()["name"]; });
    app.get("/{id:uuid}", [](const Uuid& id) { return id.to_string(); });
    app.get("/{x:float}", [](double x) { return Json(x * 2); });
    app.del("/gone", [] { return "deleted"; });
    const RunningServer server = app.start({.port = 0});
    const std::string response =
        request(server.port(), "POST", "/a%20b/-5?q=1+2", "[1]", "x-test: y\r\nCookie: c=d\r\n");
    EXPECT_EQ(Json::parse(get_body(response)), Json::parse(R"({"method": "POST", "path": "/a b/-5", "a": "a b",
        "n": -5, "q": "1 2", "x": "y", "cookie": "d", "body": [1]})"));
    const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
    EXPECT_EQ(get_body(request(server.port(), "POST", "/form", "name=A+B", form)), "A B");
    EXPECT_EQ(status_of(request(server.port(), "POST", "/form", "name=A+B")), 415);
    EXPECT_EQ(status_of(request(server.port(), "POST", "/a/1?q=1", "{", "x-test: y\r\nCookie: c=d\r\n")), 400);
    const std::string uuid = "123e4567-e89b-12d3-a456-426614174000";
    EXPECT_EQ(get_body(request(server.port(), "GET", "/" + uuid)), uuid);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/1.5")), "3.0");
    EXPECT_EQ(get_body(request(server.port(), "DELETE", "/gone")), "deleted");
    EXPECT_EQ(status_of(request(server.port(), "POST", "/a/99999999999999999999")), 404);
}

// One that blocks keeps neither the loop nor another one waiting.
// promise: kinds-of-responses
TEST(Http, HandlersThatAreNoCoroutinesMayBlock) {
    ProAPI app;
    std::promise<void> gate;
    auto opened = gate.get_future().share();
    app.get("/wait", [opened] {
        opened.wait();
        return "waited";
    });
    app.get("/open", [&gate] {
        gate.set_value();
        return "opened";
    });
    app.get("/thread", [] { return std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id())); });
    app.get("/reactor", []() -> Task<std::string> {
        co_return std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id()));
    });
    const RunningServer server = app.start({.port = 0});
    Client waiting(server.port());
    waiting.write("GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_NE(get_body(request(server.port(), "GET", "/thread")), get_body(request(server.port(), "GET", "/reactor")));
    EXPECT_EQ(get_body(request(server.port(), "GET", "/open")), "opened");
    EXPECT_EQ(get_body(waiting.read_response()), "waited");
}

TEST(Http, Failures) {
    ProAPI app;
    app.get("/throw", []() -> Task<> {
        throw std::runtime_error("on purpose");
        co_return;
    });
    app.get("/sync", []() -> std::string { throw std::runtime_error("on purpose"); });
    app.get("/header", [] { return Response("x", 200, {{"X", "a\r\nb: c"}}); });
    app.get("/status", [] { return Response("x", 99); });
    app.get("/exception", []() -> std::string { throw HTTPException(1000, "a close code"); });
    app.get("/error", []() -> std::string { throw HTTPException(409, "conflict\n"); });
    const RunningServer server = app.start({.port = 0});
    for (const char* path : {"/throw", "/sync", "/header", "/status", "/exception"})
        EXPECT_EQ(status_of(request(server.port(), "GET", path)), 500) << path;
    const std::string error = request(server.port(), "GET", "/error");
    EXPECT_EQ(status_of(error), 409);
    EXPECT_EQ(get_body(error), "conflict\n");
}

// promise: familiar-names
TEST(Http, ResponsesAndExceptionsHaveStarlettesNames) {
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
    EXPECT_TRUE(has(response, "Content-Type: text/css; charset=utf-8\r\n")) << response;
    const std::string latin = request(server.port(), "GET", "/latin");
    EXPECT_TRUE(has(latin, "Content-Type: Text/Plain; Charset=latin-1\r\n")) << latin;
    EXPECT_EQ(status_of(request(server.port(), "GET", "/json")), 202);
    const std::string exception = request(server.port(), "GET", "/exception");
    EXPECT_EQ(status_of(exception), 401);
    EXPECT_TRUE(has(exception, "WWW-Authenticate: Basic\r\n")) << exception;
    EXPECT_TRUE(has(exception, "content-type: text/x\r\n")) << exception;
    EXPECT_EQ(get_body(exception), "who are you?\n");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/phrase")), "Not Found\n");

    const HTTPException error(410, "gone", {{"X-A", "1"}});
    EXPECT_EQ(error.status_code(), 410);
    EXPECT_EQ(error.detail(), "gone");
    EXPECT_EQ(error.headers()["x-a"], "1");
    EXPECT_THROW(HTTPException(404, "gone", {{"X-A", "a\r\nb: c"}}), std::invalid_argument);
}

// promise: older-names
TEST(Http, OlderNamesAreTheSameMembers) {
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

TEST(Http, Streams) {
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
TEST(Http, AStreamThatFailsBeforeItsFirstPart) {
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
TEST(Http, AQuietStreamOpensAtOnceAndAFailureAfterThatIsACut) {
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

TEST(Http, Files) {
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

}  // namespace
}  // namespace proapi
