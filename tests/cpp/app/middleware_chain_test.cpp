// Functions around every request and WebSocket: their order, what they see, what they may change, and how they fail.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using test::Client;
using test::get_body;
using test::includes;
using test::request;
using test::status_of;
using Lines = std::vector<std::string>;

// What middleware has seen.
class Record {
public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    Lines take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(lines_, {});
    }

private:
    std::mutex mutex_;
    Lines lines_;
};

// Of requests and of WebSockets.
struct Recorder {
    Record& record;
    std::string name;

    Task<Response> operator()(Request request, CallNext<> call_next) {
        record.add(name + " in " + request.path());
        Response response = co_await call_next(request);
        record.add(name + " out " + std::to_string(response.status_code));
        co_return response;
    }
    Task<> operator()(WebSocketConnection websocket, CallNext<WebSocketConnection> call_next) {
        record.add(name + " in " + websocket.path());
        co_await call_next(websocket);
        record.add(name + " out");
    }
};

// A directory with the file a.txt, removed at the end.
class Files {
public:
    Files() : path_(std::filesystem::temp_directory_path() / ("middleware_test." + std::to_string(::getpid()))) {
        std::filesystem::create_directory(path_);
        std::ofstream(path_ / "a.txt") << "a file";
    }
    ~Files() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

void add_routes(ProAPI& app) {
    app.get("/", [] { return "page"; });
    app.get("/fails", []() -> Task<> {
        throw std::logic_error("nobody foresaw it");
        co_return;
    });
    app.get("/thread", []() -> std::string { throw HTTPException(409, "taken"); });
    app.post("/post", [](Request request) { return std::string(request.body()); });
    app.get("/number/{n:int}", [](int n) { return std::to_string(n); });
    app.websocket("/echo", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        while (const auto text = co_await websocket.next_text()) co_await websocket.send_text(*text);
    });
}

// ---- requests ----

// promise: middleware
TEST(Middleware, TheFirstIsTheFirstToSeeARequest) {
    Record record;
    ProAPI app;
    add_routes(app);
    app.middleware(Recorder{record, "one"});
    app.middleware(Recorder{record, "two"});
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")), "page");
    EXPECT_EQ(record.take(), (Lines{"one in /", "two in /", "two out 200", "one out 200"}));
}

// promise: middleware
TEST(Middleware, SeesWhatTheEngineAnswersByItself) {
    const Files files;
    Record record;
    ProAPI app;
    app.setting("max_body_size", "4");
    add_routes(app);
    app.static_files("/files", files.path());
    app.middleware(Recorder{record, ""});
    const RunningServer server = app.start({.port = 0});
    struct Case {
        std::string method, path, headers, body;
        int status;
        std::string text;
    };
    for (const Case& each : {
             Case{"GET", "/files/a.txt", "", "", 200, "a file"},
             Case{"GET", "/files/a.txt", "Range: bytes=2-4\r\n", "", 206, "fil"},
             Case{"GET", "/files/a.txt", "Range: bytes=99-\r\n", "", 416, "The range is beyond the file's end.\n"},
             Case{"GET", "/files/b.txt", "", "", 404, "Not Found\n"},
             Case{"GET", "/nothing", "", "", 404, "Nothing is served at this address.\n"},
             Case{"GET", "/number/99999999999", "", "", 404, "Nothing is served at this address.\n"},
             Case{"POST", "/", "", "", 405, "This address does not serve that method.\n"},
             Case{"GET", "/echo", "", "", 426, "This address speaks WebSocket.\n"},
             Case{"GET", "/thread", "", "", 409, "taken\n"},
             Case{"POST", "/post", "", "1234", 200, "1234"},
             Case{"POST", "/post", "", "12345", 413, "the request body is longer than max_body_size\n"},
         }) {
        const std::string answer = request(server.port(), each.method, each.path, each.body, each.headers);
        EXPECT_EQ(status_of(answer), each.status) << each.path;
        EXPECT_EQ(get_body(answer), each.text);
        EXPECT_EQ(record.take(), (Lines{" in " + each.path, " out " + std::to_string(each.status)}));
    }
    EXPECT_EQ(Client(server.port(), "/no-such-socket").status(), 404);
    EXPECT_EQ(record.take(), (Lines{" in /no-such-socket", " out 404"}));
}

// The lines of a response's head, sorted, without the date.
Lines head_of(std::uint16_t port, const std::string& method, const std::string& path, const std::string& headers) {
    Client client(port);
    client.write(method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
    client.read_head();
    Lines lines;
    std::istringstream head(client.head());
    for (std::string line; std::getline(head, line);)
        if (!line.starts_with("date:")) lines.push_back(line);
    std::ranges::sort(lines);
    return lines;
}

// promise: middleware
TEST(Middleware, FilesAreServedAsWithoutIt) {
    const Files files;
    Record record;
    ProAPI with, without;
    with.middleware(Recorder{record, ""});
    for (ProAPI* each : {&with, &without}) each->static_files("/", files.path());
    const RunningServer one = with.start({.port = 0}), other = without.start({.port = 0});
    const std::string whole = request(other.port(), "GET", "/a.txt");
    const std::size_t etag = whole.find("etag: ") + 6;
    const std::string validator = whole.substr(etag, whole.find("\r\n", etag) - etag);
    for (const char* method : {"GET", "HEAD"}) {
        for (const std::string& headers : {std::string(), "If-None-Match: " + validator + "\r\n",
                                           std::string("Range: bytes=1-2\r\n"), std::string("Range: bytes=9-\r\n")}) {
            for (const char* path : {"/a.txt", "/.env", "/b.txt", "/"}) {
                EXPECT_EQ(head_of(one.port(), method, path, headers), head_of(other.port(), method, path, headers))
                    << method << " " << path << " " << headers;
            }
        }
    }
}

// promise: middleware
TEST(Middleware, MayChangeAResponse) {
    const Files files;
    ProAPI app;
    add_routes(app);
    app.static_files("/files", files.path());
    app.middleware([](const Request& request, const CallNext<>& call_next) -> Task<Response> {
        Response response = co_await call_next(request);
        response.headers.set("X-Time", "1");
        response.headers.set("content-type", "text/x-own");
        if (response.status_code == 200) response.status_code = 203;
        if (request.path() == "/files/a.txt" && request.query_params().contains("other"))
            response.body = std::string("replaced");
        co_return response;
    });
    const RunningServer server = app.start({.port = 0});
    const auto check = [&](const char* path, int status, const char* body) {
        const std::string answer = request(server.port(), "GET", path);
        EXPECT_EQ(status_of(answer), status) << answer;
        EXPECT_TRUE(includes(answer, "X-Time: 1\r\n") || includes(answer, "x-time: 1\r\n")) << answer;
        EXPECT_TRUE(includes(answer, "text/x-own")) << answer;
        EXPECT_TRUE(answer.ends_with(body)) << answer;
    };
    check("/", 203, "page");
    check("/files/a.txt", 203, "a file");
    check("/files/a.txt?other", 203, "replaced");
    check("/nothing", 404, "address.\n");
    check("/echo", 426, "WebSocket.\n");
}

// promise: middleware
TEST(Middleware, MayAnswerByItself) {
    Record record;
    ProAPI app;
    add_routes(app);
    app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
        if (request.query_params().get("key") != "1") co_return Response("no key", 401);
        co_return co_await call_next(std::move(request));
    });
    app.middleware(Recorder{record, ""});
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(status_of(request(server.port(), "GET", "/")), 401);
    EXPECT_EQ(record.take(), Lines{});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/?key=1")), "page");
}

// promise: middleware
TEST(Middleware, StateReachesTheHandler) {
    ProAPI app;
    app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
        request.state()["user"] = std::string("ada");
        co_return co_await call_next(request);
    });
    const auto user = [](const Request& request) { return std::any_cast<std::string>(request.state().at("user")); };
    app.get("/task", [user](Request request) -> Task<std::string> { co_return user(request); });
    app.get("/thread", [user](Request request) { return user(request); });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/task")), "ada");
    EXPECT_EQ(get_body(request(server.port(), "GET", "/thread")), "ada");
}

// promise: middleware
TEST(Middleware, AStreamIsSentAfterIt) {
    Record record;
    ProAPI app;
    app.get("/", [&record] {
        return Response::stream([&record](BodyWriter writer) -> Task<> {
            record.add("stream");
            co_await writer.write("parts");
        });
    });
    app.middleware(Recorder{record, ""});
    const RunningServer server = app.start({.port = 0});
    EXPECT_TRUE(includes(request(server.port(), "GET", "/"), "parts"));
    EXPECT_EQ(record.take(), (Lines{" in /", " out 200", "stream"}));
}

// promise: middleware
TEST(Middleware, ALimitOfTimeAroundTheHandler) {
    ProAPI app;
    app.get("/", []() -> Task<> { co_await sleep(std::chrono::hours(1)); });
    app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
        try {
            co_return co_await wait_for(call_next(request), std::chrono::milliseconds(1));
        } catch (const TimeoutError&) {
            co_return Response("too slow", 504);
        }
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(status_of(request(server.port(), "GET", "/")), 504);
}

// ---- exceptions ----

// promise: middleware
TEST(Middleware, ExceptionsComeThrough) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        add_routes(app);
        app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
            try {
                co_return co_await call_next(request);
            } catch (const std::logic_error& error) {
                if (!request.query_params().contains("swallow")) throw;
                co_return Response(error.what(), 503);
            }
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/fails")), 500);
        const std::string swallowed = request(server.port(), "GET", "/fails?swallow");
        EXPECT_EQ(status_of(swallowed), 503);
        EXPECT_EQ(get_body(swallowed), "nobody foresaw it");
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "GET /fails: the handler of GET /fails failed: nobody foresaw it")) << log;
    EXPECT_EQ(log.find("nobody"), log.rfind("nobody")) << log;
}

// promise: middleware
TEST(Middleware, ResponsesToExceptionsAreSeen) {
    testing::internal::CaptureStderr();
    {
        Record record;
        ProAPI app;
        add_routes(app);
        app.get("/range", []() -> std::string { throw std::out_of_range("far"); });
        app.exception_handler<std::out_of_range>(
            [](const Request&, const std::out_of_range&) { return Response("gone", 410); });
        app.exception_handler<std::exception>(
            [](const Request&, const std::exception&) { return Response("last resort", 500); });
        app.middleware(Recorder{record, ""});
        app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
            Response response = co_await call_next(request);
            if (request.query_params().contains("refuse")) throw HTTPException(401, "who?");
            co_return response;
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/range")), 410);
        EXPECT_EQ(record.take(), (Lines{" in /range", " out 410"}));
        EXPECT_EQ(get_body(request(server.port(), "GET", "/fails")), "last resort");
        EXPECT_EQ(record.take(), (Lines{" in /fails"})) << "the last resort is outside";
        EXPECT_EQ(get_body(request(server.port(), "GET", "/?refuse")), "who?\n");
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "nobody foresaw it")) << log;
    EXPECT_FALSE(includes(log, "far") || includes(log, "who?")) << log;
}

// promise: middleware
TEST(Middleware, AnExceptionHandlerThatFailsIsAskedOnce) {
    testing::internal::CaptureStderr();
    {
        Record record;
        ProAPI app;
        add_routes(app);
        int calls = 0;
        const auto fail = [&calls](const Request&, const std::exception&) -> Response {
            ++calls;
            throw std::logic_error("again");
        };
        app.exception_handler<std::logic_error>(fail);
        app.exception_handler<std::exception>(fail);
        app.middleware(Recorder{record, ""});
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/fails")), 500);
        EXPECT_EQ(calls, 1);
    }
    EXPECT_TRUE(includes(testing::internal::GetCapturedStderr(), "failed: again"));
}

// promise: middleware
TEST(Middleware, ASecondCallIsRefused) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        add_routes(app);
        app.middleware([](Request request, CallNext<> call_next) -> Task<Response> {
            static_cast<void>(co_await call_next(request));
            co_return co_await call_next(request);
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "GET", "/")), 500);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(includes(log, "call_next(): expected one call, got another")) << log;
}

// promise: middleware
TEST(Middleware, AFileIsSentOnce) {
    testing::internal::CaptureStderr();
    {
        const Files files;
        std::optional<Response> kept;
        ProAPI app;
        app.static_files("/", files.path());
        app.middleware([&kept](Request request, CallNext<> call_next) -> Task<Response> {
            if (!kept) kept = co_await call_next(request);
            co_return *kept;
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(get_body(request(server.port(), "GET", "/a.txt")), "a file");
        EXPECT_EQ(status_of(request(server.port(), "GET", "/a.txt")), 500);
    }
    EXPECT_TRUE(includes(testing::internal::GetCapturedStderr(), "expected a file of static_files() in one response"));
}

// ---- WebSockets ----

// promise: middleware
TEST(Middleware, WebSocketsPassToo) {
    Record record;
    ProAPI app;
    add_routes(app);
    app.middleware(Recorder{record, "one"});
    app.middleware(Recorder{record, "two"});
    RunningServer server = app.start({.port = 0});
    Client client(server.port(), "/echo");
    client.send("a");
    EXPECT_EQ(client.read_text(), "a");
    EXPECT_EQ(record.take(), (Lines{"one in /echo", "two in /echo"}));
    client.finish();
    server.stop();
    server.wait();
    EXPECT_EQ(record.take(), (Lines{"two out", "one out"}));
}

// promise: middleware
TEST(Middleware, OneForWebSocketsLeavesRequestsAlone) {
    Record record;
    ProAPI app;
    add_routes(app);
    app.middleware([&record](WebSocketConnection websocket, CallNext<WebSocketConnection> call_next) -> Task<> {
        record.add(websocket.path());
        websocket.state()["user"] = 7;
        co_await call_next(websocket);
    });
    app.websocket("/user", [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.send_text(std::to_string(std::any_cast<int>(websocket.state().at("user"))));
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/nothing")), "Nothing is served at this address.\n");
    EXPECT_EQ(record.take(), Lines{});
    Client client(server.port(), "/user");
    EXPECT_EQ(client.read_text(), "7");
    EXPECT_EQ(record.take(), Lines{"/user"});
}

// promise: middleware
TEST(Middleware, AHandshakeIsRefused) {
    ProAPI app;
    add_routes(app);
    app.websocket("/number/{n:int}", [](WebSocketConnection websocket, int) -> Task<> { co_await websocket.accept(); });
    app.middleware([](WebSocketConnection websocket, CallNext<WebSocketConnection> call_next) -> Task<> {
        const auto how = websocket.query_params().get("how");
        if (how == "throw") throw HTTPException(401, "who are you?", {{"WWW-Authenticate", "Bearer"}});
        if (how == "reject") co_return static_cast<void>(co_await websocket.reject(403, "not you"));
        if (how == "return") co_return;
        co_await call_next(websocket);
    });
    const RunningServer server = app.start({.port = 0});
    const Client thrown(server.port(), "/echo?how=throw");
    EXPECT_EQ(thrown.status(), 401);
    EXPECT_TRUE(includes(thrown.head(), "Bearer"));
    EXPECT_EQ(Client(server.port(), "/echo?how=reject").status(), 403);
    EXPECT_EQ(Client(server.port(), "/echo?how=return").status(), 403);
    EXPECT_EQ(Client(server.port(), "/echo").status(), 101);
    EXPECT_EQ(Client(server.port(), "/number/7").status(), 101);
    EXPECT_EQ(Client(server.port(), "/number/99999999999").status(), 404);
}

TEST(Middleware, IsRegisteredBeforeTheApplicationServes) {
    Record record;
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(app.middleware(Recorder{record, ""}), std::logic_error);
}

}  // namespace
}  // namespace proapi
