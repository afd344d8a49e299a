// A request as its handler sees it: what it gives, what it refuses, and for how long it may be kept.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using test::get_body;
using test::request;
using test::status_of;

// promise: route-methods, cpp-path-parameters, request-json
TEST(Request, WhatHandlersTake) {
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

// promise: cpp-moved-from
TEST(Request, ARequestIsA500) {
    ProAPI app;
    using Call = std::function<void(const Request&)>;
    const std::vector<std::pair<std::string, Call>> calls = {
        {"method", [](const Request& moved) { static_cast<void>(moved.method()); }},
        {"path", [](const Request& moved) { static_cast<void>(moved.path()); }},
        {"path_params", [](const Request& moved) { static_cast<void>(moved.path_params()); }},
        {"query_params", [](const Request& moved) { static_cast<void>(moved.query_params()); }},
        {"headers", [](const Request& moved) { static_cast<void>(moved.headers()); }},
        {"cookies", [](const Request& moved) { static_cast<void>(moved.cookies()); }},
        {"client", [](const Request& moved) { static_cast<void>(moved.client()); }},
        {"url", [](const Request& moved) { static_cast<void>(moved.url()); }},
        {"body", [](const Request& moved) { static_cast<void>(moved.body()); }},
        {"json", [](const Request& moved) { static_cast<void>(moved.json()); }},
        {"form", [](const Request& moved) { static_cast<void>(moved.form()); }},
        {"files", [](const Request& moved) { static_cast<void>(moved.files()); }},
    };
    for (const auto& [name, call] : calls) {
        app.get("/in-thread/" + name, [&call](Request request) {
            const Request kept = std::move(request);
            call(request);
        });
        app.get("/coroutine/" + name, [&call](Request request) -> Task<> {
            const Request kept = std::move(request);
            call(request);
            co_return;
        });
    }
    const RunningServer server = app.start({.port = 0});
    for (const auto& [name, call] : calls) {
        EXPECT_EQ(status_of(request(server.port(), "GET", "/in-thread/" + name)), 500) << name;
        EXPECT_EQ(status_of(request(server.port(), "GET", "/coroutine/" + name)), 500) << name;
    }
}

// The answer that a handler gives to a body with that content type.
std::string answer_to(const std::string& body, const std::string& content_type,
                      std::function<std::string(const Request&)> read) {
    ProAPI app;
    app.post("/", [read](const Request& request) { return read(request); });
    const RunningServer server = app.start({.port = 0});
    return request(server.port(), "POST", "/", body,
                   content_type.empty() ? "" : "Content-Type: " + content_type + "\r\n");
}

std::string list_of(const Params& form) {
    std::string all;
    for (const auto& [name, value] : form) all += name + "=" + value + ";";
    return all;
}

const std::string multipart_form =
    "--mark\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nOf mice\r\n"
    "--mark\r\nContent-Disposition: form-data; name=\"a\"; filename=\"1.txt\"\r\n\r\none\r\n"
    "--mark\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"\r\n"
    "Content-Type: image/png\r\n\r\ntwo\r\n--mark--\r\n";

TEST(Request, AFormsFieldsAndFilesStandApart) {
    const auto read = [](const Request& request) {
        std::string all = list_of(request.form());
        for (const UploadFile& file : request.files())
            all += file.name + ":" + file.filename + ":" + file.content_type + ":" + std::string(file.data) + ";";
        return all;
    };
    EXPECT_EQ(get_body(answer_to(multipart_form, "multipart/form-data; boundary=mark", read)),
              "title=Of mice;a:1.txt:text/plain:one;a::image/png:two;");
    EXPECT_EQ(get_body(answer_to("b=1+2&a=%26&b=", "application/x-www-form-urlencoded", read)), "b=1 2;a=&;b=;");
}

TEST(Request, ABodyThatIsNoFormIsRefusedWithItsStatus) {
    const auto fields = [](const Request& request) { return list_of(request.form()); };
    const auto files = [](const Request& request) { return std::to_string(request.files().size()); };
    for (const std::function<std::string(const Request&)>& read :
         {std::function<std::string(const Request&)>(fields), std::function<std::string(const Request&)>(files)}) {
        for (const char* type : {"", "text/plain", "application/json"}) {
            const std::string refused = answer_to("a=1", type, read);
            EXPECT_EQ(status_of(refused), 415) << type;
            EXPECT_TRUE(get_body(refused).starts_with("The body: ")) << refused;
        }
        const std::string cut = answer_to(multipart_form.substr(0, 100), "multipart/form-data; boundary=mark", read);
        EXPECT_EQ(status_of(cut), 400);
        EXPECT_TRUE(get_body(cut).starts_with("The body: ")) << cut;
    }
}

// promise: request-json
TEST(Request, ABodyThatIsNoJsonIsA400ThatSaysWhere) {
    const auto read = [](const Request& request) { return request.json().dump(); };
    EXPECT_EQ(get_body(answer_to("[1, 2]", "", read)), "[1,2]");
    for (const std::string body : {"", "{", "[1,]", "18446744073709551616"}) {
        const std::string refused = answer_to(body, "application/json", read);
        EXPECT_EQ(status_of(refused), 400) << body;
        EXPECT_TRUE(get_body(refused).starts_with(body.size() < 10 ? "The body: invalid JSON: "
                                                                   : "The body: expected JSON with integers "))
            << refused;
        EXPECT_TRUE(get_body(refused).ends_with("\n")) << refused;
    }
}

TEST(Request, ABodyIsOctets) {
    const std::string octets("\0\xff\r\n\0", 5);
    const auto read = [&](const Request& request) { return std::string(request.body() == octets ? "same" : "other"); };
    EXPECT_EQ(get_body(answer_to(octets, "", read)), "same");
}

// promise: cpp-is-disconnected
TEST(Request, OnlyItsOwnThreadKnowsWhetherTheClientHasLeft) {
    ProAPI app;
    app.get("/", [](Request request) -> Task<std::string> {
        EXPECT_FALSE(request.is_disconnected());
        co_return test::error_on_another_thread([&] { static_cast<void>(request.is_disconnected()); });
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(get_body(request(server.port(), "GET", "/")),
              "is_disconnected(): expected to be called in a handler that is a coroutine, got another thread");
}

// Its members are made where they are asked for first: here on another thread, when the server has gone.
// promise: cpp-objects-outlive-the-server
TEST(Request, ACopyMayBeReadWhenTheServerHasGone) {
    std::optional<Request> kept;
    {
        ProAPI app;
        app.post("/{room}", [&](Request request, std::string) { kept = request; });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(status_of(request(server.port(), "POST", "/a%20b?q=1", std::string(5000, 'b'),
                                    "X-Test: " + std::string(100, 'x') + "\r\nCookie: c=d\r\n")),
                  204);
    }
    EXPECT_EQ(kept->method(), "POST");
    EXPECT_EQ(kept->path(), "/a b");
    EXPECT_EQ(kept->path_params()["room"], "a b");
    EXPECT_EQ(kept->query_params()["q"], "1");
    EXPECT_EQ(kept->headers()["x-test"], std::string(100, 'x'));
    EXPECT_EQ(kept->cookies()["c"], "d");
    EXPECT_EQ(kept->client().host, "127.0.0.1");
    EXPECT_NE(kept->client().port, 0);
    EXPECT_EQ(kept->url(), "http://localhost/a%20b?q=1");
    EXPECT_EQ(kept->body(), std::string(5000, 'b'));
}

}  // namespace
}  // namespace proapi
