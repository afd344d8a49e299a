// Handlers that must not compile, each with the text of its error. Without REFUSED, their twins, which must compile.
// The program is never run.
// promise: cpp-path-parameters, cpp-lifetimes, cpp-lifespan, cpp-channel, cpp-task-group
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
    // refused: a handler is a function or a lambda whose parameters have types
    app.get("/", [](auto) { return ""; });
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
