// Handlers that must not compile, each with the text of its error. Without REFUSED, their twins, which must compile.
// The program is never run.
// promise: cpp-path-parameters, cpp-lifetimes, cpp-lifespan, cpp-channel
// promise: cpp-task-group, cpp-parameters, events, middleware
#include <proapi/proapi.hpp>

using namespace proapi;

namespace {

#ifdef REFUSED

struct NoResponse {};

struct Part {
    const std::string& whole;
    operator std::string_view() const { return whole; }
};

std::string page;

void register_handlers(ProAPI& app) {
    // refused: a WebSocket handler takes a proapi::WebSocketConnection first
    app.websocket("/{a}", [](std::string) -> Task<> { co_return; });
    // refused: a WebSocket handler returns proapi::Task<>
    app.websocket("/", [](WebSocketConnection) {});
    // refused: a coroutine outlives the call that starts it: take the handler's parameters by value
    app.websocket("/", [](const WebSocketConnection&) -> Task<> { co_return; });
    // refused: a path parameter is a std::string, int, std::int64_t, double or proapi::Uuid
    app.websocket("/{a}", [](WebSocketConnection, std::string_view) -> Task<> { co_return; });
    // refused: an HTTP handler returns proapi::Response, text, proapi::Json, proapi::Bytes or nothing
    app.get("/", [] { return NoResponse(); });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request request) -> std::string_view { return request.path(); });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request request) -> const std::string& { return request.path(); });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request) -> std::string& { return page; });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request) -> char* { return page.data(); });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", []() -> const char(&)[3] { return "no"; });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request request) -> Task<std::string_view> { co_return request.path(); });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", []() -> Task<const char*> { co_return "a literal, which a task can't tell from a pointer"; });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request request) { return Part{request.path()}; });
    // refused: return std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference
    app.get("/", [](Request request) -> Task<Part> { co_return Part{request.path()}; });
    app.websocket("/", [](WebSocketConnection websocket) -> Task<> {
        // refused: expected a type that holds its text, such as std::string
        co_await websocket.receive_json<std::string_view>();
        // refused: expected a type that holds its text, such as std::string
        co_await websocket.next_json<std::vector<std::string_view>>();
        // refused: expected a type that holds its text, such as std::string
        co_await websocket.receive_json<std::map<std::string, std::string_view>>();
    });
    // refused: proapi::Request comes first
    app.get("/{a}", [](std::string, Request) { return ""; });
    // refused: a handler that takes a proapi::BodyStream is a coroutine
    app.post("/", [](BodyStream) { return ""; });
    // refused: and proapi::BodyStream next
    app.post("/{a}", [](std::string, BodyStream) -> Task<> { co_return; });
    // refused: a handler is a function or a lambda whose parameters have types
    app.get("/", [](auto) { return ""; });
}

struct Move {
    int x = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Move, x)

void register_parameters(ProAPI& app) {
    // refused: a handshake has no body: expected proapi::JsonBody, Form and File in HTTP handlers only
    app.websocket("/", [](WebSocketConnection, JsonBody<Move>) -> Task<> { co_return; });
    // refused: expected one proapi::JsonBody, proapi::BodyStream or form, got several
    app.post("/", [](JsonBody<Move>, JsonBody<int>) { return ""; });
    // refused: path parameters come before proapi::Query, Header, Cookie, Form, File and JsonBody
    app.get("/{a}", [](Query<int, "limit">, std::string) { return ""; });
    // refused: path parameters come before proapi::Query, Header and Cookie
    app.websocket("/{a}", [](WebSocketConnection, Query<int, "n">, int) -> Task<> { co_return; });
    // refused: a coroutine outlives the call that starts it: take the handler's parameters by value
    app.get("/", [](const Query<int, "limit">&) -> Task<std::string> { co_return ""; });
    // refused: a parameter holds its value: expected a type that is not a reference
    app.get("/", [](Query<std::string&, "name">) { return ""; });
    // refused: expected std::string, bool, an integer, float, double, proapi::Uuid
    app.get("/", [](Query<Move, "move">) { return ""; });
    // refused: expected std::string, bool, an integer, float, double, proapi::Uuid
    app.get("/", [](Header<std::string_view, "X-Token">) { return ""; });
    // refused: expected std::string, bool, an integer, float, double, proapi::Uuid
    app.get("/", [](Query<char, "letter">) { return ""; });
    // refused: expected a parameter with a name, got an empty one
    app.get("/", [](Query<int, "">) { return ""; });
    // refused: expected the name of a header
    app.get("/", [](Header<int, "X Token">) { return ""; });
    // refused: a cookie has one value: expected no std::vector
    app.get("/", [](Cookie<std::vector<int>, "id">) { return ""; });
    // refused: a default replaces std::optional, and a list has none
    app.get("/", [](Query<std::optional<int>, "limit", 20>) { return ""; });
    // refused: expected a default that the parameter's type can hold
    app.get("/", [](Query<std::int8_t, "level", 300>) { return ""; });
    // refused: expected a default that the parameter's type can hold
    app.get("/", [](Query<int, "limit", 0.5>) { return ""; });
    // refused: expected a default that the parameter's type can hold
    app.get("/", [](Query<int, "limit", "20">) { return ""; });
    // refused: a request has one body: expected one proapi::JsonBody, proapi::BodyStream or form, got several
    app.post("/", [](JsonBody<int>, Form<int, "n">) { return ""; });
    // refused: a request has one body: expected one proapi::JsonBody, proapi::BodyStream or form, got several
    app.post("/", [](BodyStream, File<UploadFile, "a">) -> Task<> { co_return; });
    // refused: expected proapi::UploadFile, or a std::optional or a std::vector of it
    app.post("/", [](File<std::string, "a">) { return ""; });
    // refused: the body is destroyed before T is used: expected a type that holds its text
    app.post("/", [](JsonBody<std::string_view>) { return ""; });
}

struct Session {};

void register_messages(ProAPI& app) {
    // refused: events() takes Task<Session>(proapi::WebSocketConnection, path parameters...)
    app.events("/{a}", [](std::string) -> Task<> { co_return; });
    // refused: a coroutine outlives the call that starts it: take the handler's parameters by value
    app.events("/{a}", [](WebSocketConnection, const std::string&) -> Task<> { co_return; });
    // refused: a message handler returns proapi::Task<R>, R: void or a type that proapi::Json can be made of
    app.events("/").on("a", [] { return 1; });
    // refused: a message handler returns proapi::Task<R>, R: void or a type that proapi::Json can be made of
    app.events("/").on("a", []() -> Task<Session> { co_return Session(); });
    // refused: a message handler takes a proapi::WebSocketConnection, the session by reference and one message
    app.events("/").on("a", [](Json, WebSocketConnection) -> Task<> { co_return; });
    auto& events = app.events("/", [](WebSocketConnection) -> Task<Session> { co_return Session(); });
    // refused: a message handler takes a proapi::WebSocketConnection, the session by reference and one message
    events.on("a", [](Session, Json) -> Task<> { co_return; });
    // refused: a coroutine outlives the call that starts it: take the message and the connection by value
    app.events("/").on("a", [](const Json&) -> Task<> { co_return; });
    // refused: expected a type that holds its text, such as std::string
    app.events("/").on("a", [](std::string_view) -> Task<> { co_return; });
}

void register_middleware(ProAPI& app) {
    // refused: a middleware is a Task<Response>(Request, CallNext<>) or a Task<>(WebSocketConnection,
    app.middleware([](Request request, CallNext<> call_next) -> Task<> { co_await call_next(request); });
    // refused: a middleware is a Task<Response>(Request, CallNext<>) or a Task<>(WebSocketConnection,
    app.middleware([](Request) { return Response(); });
}

Task<> await_twice(Task<> task) {
    // refused: a task is awaited once, which uses it up: co_await std::move(task)
    co_await task;
}

// refused: a task returns a value: Task<T*> or Task<std::reference_wrapper<T>>
using Reference = Task<int&>::value_type;

// refused: a Channel carries values: Channel<T*>, Channel<std::shared_ptr<T>>, or an Event
Channel<int&> references(1);
// refused: a Channel carries values: Channel<T*>, Channel<std::shared_ptr<T>>, or an Event
Channel<void> nothings(1);

void run_tasks(ProAPI& app, TaskGroup& group) {
    // refused: a group drops the results of its tasks: expected Task<>
    group.spawn([]() -> Task<int> { co_return 1; });
    // refused: TaskGroup::spawn() takes a Task<>, or a callable that returns one, and its arguments
    group.spawn([] { return 1; });
    // refused: on_startup() takes a callable without arguments that returns void or Task<>
    app.on_startup([](int) {});
    // refused: on_shutdown() takes a callable without arguments that returns void or Task<>
    app.on_shutdown([]() -> Task<int> { co_return 1; });
}

#else

struct Page {
    std::string text;
    operator std::string_view() const { return text; }
};

void register_handlers(ProAPI& app) {
    app.websocket("/{a}", [](WebSocketConnection, std::string) -> Task<> { co_return; });
    app.get("/", [] { return ""; });
    app.get("/", [](Request request) -> std::string { return request.path(); });
    app.get("/", [](Request request) -> Task<std::string> { co_return request.path(); });
    app.get("/{a}", [](Request, std::string) { return ""; });
    app.get("/page", [](Request request) { return Page{request.path()}; });
    app.post("/{a}", [](Request, BodyStream, std::string) -> Task<> { co_return; });
}

void register_parameters(ProAPI& app) {
    app.websocket("/{a}", [](WebSocketConnection, int, Query<int, "n">) -> Task<> { co_return; });
    app.get("/{a}", [](std::string, Query<std::int8_t, "level", 100>, Header<std::string, "X-Token">) { return ""; });
    app.get("/", [](const Query<double, "ratio", 1>&, Cookie<std::string, "session", "none">) { return ""; });
    app.get("/list", [](Query<std::vector<int>, "id">, Query<std::optional<int>, "limit">) { return ""; });
    app.post("/", [](JsonBody<std::vector<int>>) -> Task<std::string> { co_return ""; });
    app.post("/form",
             [](Form<int, "n", 3>, Form<std::optional<std::string>, "q">, File<std::vector<UploadFile>, "a">) {});
}

struct Session {};

void register_messages(ProAPI& app) {
    app.events("/{a}", [](WebSocketConnection, std::string) -> Task<Session> { co_return Session(); })
        .on("a", [](WebSocketConnection, Session&, Json) -> Task<int> { co_return 1; })
        .on("b", [](const Session&, std::string) -> Task<> { co_return; });
    app.events("/").on("a", [](Json) -> Task<Json> { co_return Json(); }).on("b", []() -> Task<> { co_return; });
}

void register_middleware(ProAPI& app) {
    app.middleware([](const Request& request, const CallNext<>& call_next) { return call_next(request); });
    app.middleware([](WebSocketConnection websocket, CallNext<WebSocketConnection> call_next) -> Task<> {
        co_await call_next(websocket);
    });
}

Task<> await_once(Task<> task) {
    co_await std::move(task);
}

Channel<int*> pointers(1);

void run_tasks(ProAPI& app, TaskGroup& group) {
    group.spawn([]() -> Task<> { co_return; });
    app.on_startup([] {});
    app.on_shutdown([]() -> Task<> { co_return; });
}

#endif

}  // namespace
