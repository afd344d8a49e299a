// Everything that a handler's result, a stream or a kept file refers to is still alive when it is sent or read. The
// sanitizers find what these tests do not see.
// promise: cpp-lifetimes
#include <gtest/gtest.h>

#include <future>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get_body;
using test::request;

// Neither fits into a short string's own memory.
const std::string long_path = "/" + std::string(700, 'p');
const std::string long_body(5000, 'b');

// The compiler does not see through it, and does not warn.
const char* pointer_to(const std::string& text) {
    return text.c_str();
}

TEST(Lifetime, OfAPointerThatAHandlerReturns) {
    ProAPI app;
    app.get("/request/{rest:path}", [](Request request, const std::string&) { return request.path().c_str(); });
    app.get("/parameter/{text}", [](std::string text) { return pointer_to(text); });
    app.get("/reference/{text}", [](const std::string& text) -> const char* { return text.c_str(); });
    const RunningServer server = app.start({.port = 0});
    const std::string text(500, 't');
    EXPECT_EQ(get_body(request(server.port(), "GET", "/request" + long_path)), "/request" + long_path);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/parameter/" + text)), text);
    EXPECT_EQ(get_body(request(server.port(), "GET", "/reference/" + text)), text);
}

// The closure has views of the request, and is called when the handler has returned.
Response stream_of_views(const Request& request) {
    return Response::stream([body = request.body(), path = std::string_view(request.path())](BodyWriter out) -> Task<> {
        co_await sleep(1ms);
        co_await out.write(path);
        co_await sleep(1ms);
        co_await out.write(body);
    });
}

TEST(Lifetime, OfTheRequestUnderAStream) {
    ProAPI app;
    app.post("/in-thread/{rest:path}",
             [](const Request& request, const std::string&) { return stream_of_views(request); });
    app.post("/coroutine/{rest:path}",
             [](Request request, std::string) -> Task<Response> { co_return stream_of_views(request); });
    const RunningServer server = app.start({.port = 0});
    for (const std::string kind : {"/in-thread", "/coroutine"}) {
        const std::string body = get_body(request(server.port(), "POST", kind + long_path, long_body));
        EXPECT_NE(body.find("\r\n" + kind + long_path + "\r\n"), std::string::npos) << body;
        EXPECT_NE(body.find("\r\n" + long_body + "\r\n"), std::string::npos) << body;
    }
}

TEST(Lifetime, OfPartsThatAreNotAwaited) {
    ProAPI app;
    const std::string part(100'000, 'x');  // more than high_water
    app.get("/", [&] {
        return Response::stream([&](BodyWriter out) -> Task<> {
            for (int i = 0; i < 10; ++i) out.write(std::string(part));
            co_return;
        });
    });
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        websocket.accept(std::string("chat"), Headers{{std::string("X-Name"), std::string(100, 'n')}});
        for (int i = 0; i < 5; ++i) websocket.send_text(std::string(part));
        websocket.close(4000, std::string(100, 'r'));
        co_return;
    });
    const RunningServer server = app.start({.port = 0});
    std::string expected;
    for (int i = 0; i < 10; ++i) expected += "186a0\r\n" + part + "\r\n";
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")), expected + "0\r\n\r\n");
    Client client(server.port(), "/", "Sec-WebSocket-Protocol: chat\r\n");
    EXPECT_NE(client.head().find(std::string(100, 'n')), std::string::npos);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.read_text(), part);
    const Client::Frame end = client.read();
    EXPECT_EQ(end.close_code(), 4000);
    EXPECT_EQ(end.payload.substr(2), std::string(100, 'r'));
}

TEST(Lifetime, OfAFileThatIsKept) {
    ProAPI app;
    std::promise<UploadFile> kept;
    app.post("/", [&](const Request& request) { kept.set_value(request.files().at(0)); });
    const std::string form =
        "--mark\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n" + long_body + "\r\n--mark--\r\n";
    UploadFile file;
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(test::status_of(request(server.port(), "POST", "/", form,
                                          "Content-Type: multipart/form-data; boundary=mark\r\n")),
                  204);
        file = kept.get_future().get();
    }
    EXPECT_EQ(file.data, long_body);
}

// They hold each other: the handler keeps a connection and a request, which know of the application.
TEST(Lifetime, OfWhatAHandlerHasCaptured) {
    struct Room {
        std::optional<WebSocketConnection> websocket;
        std::optional<Request> request;
    };
    std::weak_ptr<Room> left;
    {
        ProAPI app;
        const auto room = std::make_shared<Room>();
        left = room;
        app.get("/", [room](Request given) {
            room->request = given;
            return "";
        });
        app.websocket("/", [room](WebSocketConnection websocket) -> Task<> {
            room->websocket = websocket;
            co_await websocket.accept();
        });
        const RunningServer server = app.start({.port = 0});
        static_cast<void>(request(server.port(), "GET", "/"));
        EXPECT_EQ(test::Client(server.port(), "/").read_close(), 1000);
        EXPECT_TRUE(room->websocket && room->request);
    }
    EXPECT_TRUE(left.expired());
}

TEST(Lifetime, OfValuesOfATemporary) {
    ProAPI app;
    app.post("/", [](Request request) {
        const auto& name = request.form()["name"];
        const auto again = request.form().get("name");
        const auto all = request.form().getlist("name");
        return name + " " + std::string(again.value()) + " " + std::string(all.at(0));
    });
    const RunningServer server = app.start({.port = 0});
    const std::string name(200, 'n');
    EXPECT_EQ(get_body(request(server.port(), "POST", "/", "name=" + name,
                               "Content-Type: application/x-www-form-urlencoded\r\n")),
              name + " " + name + " " + name);
    const Params params{{{"a", "b"}}};
    static_assert(std::is_same_v<decltype(params["a"]), const std::string&>);
    static_assert(std::is_same_v<decltype(Params()["a"]), std::string>);
}

}  // namespace
}  // namespace proapi
