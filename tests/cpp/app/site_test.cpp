// Routes, handlers and settings that can't work are refused when they are registered. The error names the file and the
// line.
#include <gtest/gtest.h>

#include "client.hpp"

namespace proapi {
namespace {

template <class Register>
std::string refusal(Register&& act) {
    try {
        act();
    } catch (const RouteError& error) {
        return error.what();
    }
    return "nothing was refused";
}

#define EXPECT_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

Task<> socket(WebSocketConnection) {
    co_return;
}
Task<> socket_of_text(WebSocketConnection, std::string) {
    co_return;
}
Task<> socket_of_number(WebSocketConnection, int) {
    co_return;
}
Task<> socket_of_uuid(WebSocketConnection, Uuid) {
    co_return;
}

TEST(Registration, NamesFileAndLine) {
    ProAPI app;
    const int line = __LINE__ + 1;
    const std::string text = refusal([&] { app.websocket("no-slash", socket); });
    EXPECT_PART(text, "site_test.cpp:" + std::to_string(line) + ": ");
    EXPECT_PART(text, "no-slash");
}

TEST(Registration, BadPatterns) {
    ProAPI app;
    EXPECT_PART(refusal([&] { app.websocket("/{a:number}", socket_of_text); }), "number");
    EXPECT_PART(refusal([&] { app.get("/{a}/{a}", [](std::string, std::string) { return ""; }); }), "twice");
    EXPECT_PART(refusal([&] { app.get("/a?b", [] { return ""; }); }), "query");
}

TEST(Registration, Duplicates) {
    ProAPI app;
    app.websocket("/a/{x}", socket_of_text);
    app.get("/a/{x}", [](std::string) { return ""; });
    EXPECT_PART(refusal([&] { app.websocket("/a/{y}", socket_of_text); }), "site_test.cpp");
    EXPECT_PART(refusal([&] { app.get("/a/{y}", [](std::string) { return ""; }); }), "site_test.cpp");
}

// promise: registration-refusals
TEST(Registration, DuplicatesNameTheFirst) {
    ProAPI app;
    app.get("/a/{x:int}", [](int) { return ""; });
    const int line = __LINE__ + 1;
    app.get("/a/{x}", [](std::string) { return ""; });
    const std::string text = refusal([&] { app.route("get", "/a/{y}", [](std::string) { return ""; }); });
    EXPECT_PART(text, "expected one GET route for \"/a/{y}\", got a second; the first: ");
    EXPECT_PART(text, "site_test.cpp:" + std::to_string(line));
    EXPECT_PART(text, "site_test.cpp:" + std::to_string(line + 1) + ": ");
    EXPECT_EQ(text.find("the first: "), text.rfind("the first: ")) << text;  // "/a/{x:int}" is another
    app.static_files("/files", ".");
    EXPECT_PART(refusal([&] { app.static_files("/files/", "."); }), "the first: ");
}

TEST(Registration, MethodsInAnyCase) {
    ProAPI app;
    app.route("get", "/", [] { return "got"; });
    app.route("Purge", "/", [] { return "purged"; });
    EXPECT_PART(refusal([&] { app.route("g t", "/", [] { return ""; }); }), "expected an HTTP method, got \"g t\"");
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/")), "got");
    EXPECT_EQ(test::get_body(test::request(server.port(), "PURGE", "/")), "purged");
}

// promise: cpp-path-parameters
TEST(Registration, CountOfParameters) {
    ProAPI app;
    const std::string text = refusal([&] { app.websocket("/{a}/{b}", socket_of_text); });
    EXPECT_PART(text, "expected a handler that takes 2 path parameters, got one that takes 1");
    EXPECT_PART(refusal([&] { app.websocket("/a", socket_of_text); }), "takes 0 path parameters");
    EXPECT_PART(refusal([&] { app.get("/{a}", [](Request) { return ""; }); }), "got one that takes 0");
}

// promise: cpp-path-parameters
TEST(Registration, TypesOfParameters) {
    ProAPI app;
    EXPECT_PART(refusal([&] { app.websocket("/{n:int}", socket_of_uuid); }), "{n:int}, got proapi::Uuid");
    EXPECT_PART(refusal([&] { app.websocket("/{n}", socket_of_number); }), "{n}, got an integer");
    EXPECT_PART(refusal([&] { app.websocket("/{n:float}", socket_of_number); }), "{n:float}");
    EXPECT_PART(refusal([&] { app.get("/{n:uuid}", [](double) { return ""; }); }), "got double");
    app.websocket("/{n:int}", socket_of_text);
    app.get("/{n:int}", [](double) { return ""; });
}

// promise: settings-are-checked
TEST(Registration, Settings) {
    ProAPI app;
    EXPECT_PART(refusal([&] { app.websocket("/a", socket, {{"max_size", "1"}}); }), "'max_size' is not a setting");
    EXPECT_PART(refusal([&] { app.websocket("/a", socket, {{"max_message_size", "x"}}); }), "max_message_size");
    EXPECT_PART(refusal([&] { app.websocket("/a", socket, {{"backlog", "1"}}); }), "whole application");
    app.websocket("/a", socket, {{"max_message_size", "10"}, {"ping_interval", "0.5"}});
    EXPECT_THROW(app.setting("max_body_size", "-1"), std::invalid_argument);
    EXPECT_THROW(app.setting("nothing", "1"), std::invalid_argument);
    app.setting("low_water", "100000");
    EXPECT_THROW(app.check_settings(), std::invalid_argument);
}

// promise: routes-fixed-while-serving
TEST(Registration, NothingChangesWhileItServes) {
    ProAPI app;
    const auto change = [&](auto&& act) -> std::string {
        try {
            act();
        } catch (const std::logic_error& error) {
            return error.what();
        }
        return "nothing was refused";
    };
    {
        const RunningServer server = app.start({.port = 0});
        EXPECT_PART(change([&] { app.setting("max_body_size", "100"); }), "while the app serves");
        EXPECT_PART(change([&] { app.websocket("/a", socket); }), "while the app serves");
        EXPECT_PART(change([&] { app.get("/a", [] { return ""; }); }), "while the app serves");
        EXPECT_PART(change([&] { app.static_files("/", "."); }), "while the app serves");
        const RunningServer other = app.start({.port = 0});
        EXPECT_EQ(test::status_of(test::request(other.port(), "GET", "/a")), 404);
    }
    app.setting("max_body", "100");
    app.get("/a", [] { return "a"; });
    RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/a")), "a");
    server.stop();
    server.wait();
    app.get("/b", [] { return "b"; });
    const RunningServer again = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(again.port(), "GET", "/b")), "b");
}

TEST(Registration, StaticFiles) {
    ProAPI app;
    EXPECT_PART(refusal([&] { app.static_files("/", "/no/such/directory"); }), "/no/such/directory");
    EXPECT_PART(refusal([&] { app.static_files("/{tenant}/files", "."); }), "a prefix without parameters");
    // What is refused leaves nothing behind.
    app.get("/files/{path:path}", [](std::string) { return ""; });
    EXPECT_PART(refusal([&] { app.static_files("/files", "."); }), "the first: ");
    app.get("/files/", [] { return "page"; });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/files/")), "page");
}

TEST(Registration, HandlersMayBeFunctionsLambdasAndObjects) {
    struct Object {
        Task<> operator()(WebSocketConnection) const { co_return; }
    };
    ProAPI app;
    app.websocket("/function", socket);
    app.websocket("/pointer", &socket);
    app.websocket("/object", Object());
    app.websocket("/lambda", [](WebSocketConnection) -> Task<> { co_return; });
    app.websocket("/mutable", [n = 0](WebSocketConnection) mutable -> Task<> {
        EXPECT_GT(++n, 0);
        co_return;
    });
}

// promise: limits-of-routes
TEST(Registration, SettingsOfItsOwn) {
    ProAPI app;
    const auto echo = [](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        while (auto message = co_await websocket.next_text()) co_await websocket.send_text(*message);
    };
    app.websocket("/small", echo, {{"max_message_size", "10"}});
    app.websocket("/large", echo);
    app.setting("max_message_size", "100");
    const RunningServer server = app.start({.port = 0});
    test::Client small(server.port(), "/small");
    small.send("0123456789");
    EXPECT_EQ(small.read_text(), "0123456789");
    small.send("0123456789a");
    EXPECT_EQ(small.read_close(), 1009);
    test::Client large(server.port(), "/large");
    large.send(std::string(100, 'x'));
    EXPECT_EQ(large.read_text().size(), 100U);
    large.send(std::string(101, 'x'));
    EXPECT_EQ(large.read_close(), 1009);
}

}  // namespace
}  // namespace proapi
