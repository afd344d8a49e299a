// Routes of every kind, as in features.py. Each answers with its name and the parameters it was called with.
#include <string>

#include "features.hpp"

namespace features {
namespace {

using proapi::Json;
using proapi::Task;
using proapi::WebSocketConnection;

Task<> tell(WebSocketConnection websocket, Json what) {
    co_await websocket.accept();
    co_await websocket.send_json(what);
}

Task<> echo_text(WebSocketConnection websocket) {
    co_await websocket.accept();
    while (auto message = co_await websocket.next_text()) co_await websocket.send_text(*message);
}

proapi::Response answer_of(const std::string& method) {
    proapi::Headers headers;
    headers.add("X-Method", method);
    return proapi::Response(method, 200, headers);
}

Json named(const char* which, const char* name, Json value) {
    return Json::array({which, Json{{name, std::move(value)}}});
}

}  // namespace

// The same shapes for both kinds of route, in an order that would be wrong if order mattered.
void register_routes(proapi::ProAPI& app) {
    using WS = WebSocketConnection;
    using proapi::Uuid;
    app.websocket("/features/route/{rest:path}",
                  [](WS ws, std::string rest) { return tell(ws, named("path", "rest", rest)); });
    app.websocket("/features/route/{name}",
                  [](WS ws, std::string name) { return tell(ws, named("plain", "name", name)); });
    app.websocket("/features/route/{id:uuid}",
                  [](WS ws, Uuid id) { return tell(ws, named("uuid", "id", id.to_string())); });
    app.websocket("/features/route/{x:float}", [](WS ws, double x) { return tell(ws, named("float", "x", x)); });
    app.websocket("/features/route/{n:int}", [](WS ws, std::int64_t n) { return tell(ws, named("int", "n", n)); });
    app.websocket("/features/route/literal", [](WS ws) { return tell(ws, Json::array({"literal", Json::object()})); });
    app.websocket("/features/route/{a}/{b:int}",
                  [](WS ws, std::string a, int b) { return tell(ws, Json::array({"two", Json{{"a", a}, {"b", b}}})); });

    app.get("/features/route-http/{rest:path}", [](std::string rest) { return named("path", "rest", rest); });
    app.get("/features/route-http/{name}", [](std::string name) { return named("plain", "name", name); });
    app.get("/features/route-http/{id:uuid}", [](Uuid id) { return named("uuid", "id", id.to_string()); });
    app.get("/features/route-http/{x:float}", [](double x) { return named("float", "x", x); });
    app.get("/features/route-http/{n:int}", [](std::int64_t n) { return named("int", "n", n); });
    app.get("/features/route-http/literal", [] { return Json(Json::array({"literal", Json::object()})); });
    app.get("/features/route-http/{a}/{b:int}",
            [](std::string a, int b) { return Json(Json::array({"two", Json{{"a", a}, {"b", b}}})); });

    app.websocket("/features/named/{room}", [](WS connection, std::string room) -> Task<> {
        co_await connection.accept();
        co_await connection.send_text(room);
    });
    app.websocket("/features/limited", echo_text,
                  {{"max_message_size", "100"},
                   {"max_fragments", "5"},
                   {"max_empty_fragments", "3"},
                   {"allowed_origins", "https://app.example.org,null"}});
    app.websocket("/features/rate/pause", echo_text, {{"message_rate", "50"}, {"message_burst", "5"}});
    app.websocket("/features/rate/close", echo_text,
                  {{"message_rate", "1"}, {"message_burst", "3"}, {"message_rate_action", "close"}});
    app.websocket("/features/lifetime", echo_text, {{"max_lifetime", "0.5"}});
    app.websocket("/features/compressed", echo_text, {{"compression", "shared"}});

    app.get("/features/method/get", [] { return answer_of("get"); });
    app.post("/features/method/post", [] { return answer_of("post"); });
    app.put("/features/method/put", [] { return answer_of("put"); });
    app.patch("/features/method/patch", [] { return answer_of("patch"); });
    app.del("/features/method/delete", [] { return answer_of("delete"); });
    app.head("/features/method/head", [] { return answer_of("head"); });
    app.options("/features/method/options", [] { return answer_of("options"); });
    app.get("/features/methods", [] { return answer_of("get"); });
    app.post("/features/methods", [] { return answer_of("post"); });
    app.put("/features/methods", [] { return answer_of("put"); });
    app.patch("/features/methods", [] { return answer_of("patch"); });
    app.del("/features/methods", [] { return answer_of("delete"); });
    app.head("/features/methods", [] { return answer_of("head"); });
    app.options("/features/methods", [] { return answer_of("options"); });

    app.get("/features/both", [] { return "page"; });
    app.websocket("/features/both", [](WS websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.send_text("socket");
    });
}

}  // namespace features
