// Connections that do what a test says, as in features.py. Exceptions are reported under the names that the tests
// expect. Needs a single worker: the shared state has no lock.
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "features.hpp"
#include "features_values.hpp"

namespace features {
namespace {

using proapi::Json;
using proapi::Message;
using proapi::Task;
using proapi::WebSocketConnection;
using std::chrono::milliseconds;

// ---- values ---------------------------------------------------------------------------------------------------------

// Stands for Python's TypeError: a mistake that in C++ is a compile error.
class TypeError : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

Json shown(const proapi::Bytes& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (const std::byte octet : bytes) {
        hex += digits[std::to_integer<unsigned>(octet) >> 4];
        hex += digits[std::to_integer<unsigned>(octet) & 15];
    }
    return {{"hex", hex}};
}

Json shown(const Message& message) {
    if (const auto* text = std::get_if<std::string>(&message)) return *text;
    return shown(std::get<proapi::Bytes>(message));
}

bool is_bytes(const Json& value) {
    return value.is_object() && value.contains("hex");
}

proapi::Bytes bytes_of(const Json& value) {
    if (!is_bytes(value)) throw TypeError("send_bytes() takes bytes");
    const std::string hex = value["hex"];
    proapi::Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

std::string text_of(const Json& value) {
    if (!value.is_string()) throw TypeError("send_text() takes str");
    return value;
}

std::string text_or(const Json& command, const char* name, const char* fallback) {
    const Json value = command.value(name, Json());
    return value.is_string() ? value.get<std::string>() : fallback;
}

// Returns the octets of a JSON text or of Python bytes: std::string represents both.
std::string octets_of(const Json& value) {
    if (!is_bytes(value)) return value;
    const proapi::Bytes bytes = bytes_of(value);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

proapi::Headers headers_of(const Json& command) {
    proapi::Headers headers;
    const Json given = command.value("headers", Json());
    if (given.is_null()) return headers;
    for (const Json& field : given) headers.add(octets_of(field[0]), octets_of(field[1]));
    return headers;
}

// ---- what all connections share -------------------------------------------------------------------------------------

std::map<std::string, WebSocketConnection> controls, subjects;

// Lists a connection for other handlers, as long as its own handler runs.
class Listed {
public:
    Listed(std::map<std::string, WebSocketConnection>& all, std::string name, WebSocketConnection websocket)
        : all_(all), name_(std::move(name)) {
        all_.insert_or_assign(name_, std::move(websocket));
    }
    ~Listed() { all_.erase(name_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

private:
    std::map<std::string, WebSocketConnection>& all_;
    std::string name_;
};

Json error(std::string name, std::string text, std::vector<std::string> bases) {
    bases.push_back(name);
    return {{"error", name}, {"text", text}, {"bases", bases}};
}

Json told(const std::exception_ptr& thrown, const std::string& call) {
    try {
        std::rethrow_exception(thrown);
    } catch (const proapi::Cancelled&) {
        return error("CancelledError", "", {});
    } catch (const proapi::WebSocketDisconnect& e) {
        Json result = error("WebSocketDisconnect", e.what(), {"WebSocketError"});
        result["code"] = e.code();
        result["reason"] = e.reason();
        return result;
    } catch (const proapi::WebSocketStateError& e) {
        return error("WebSocketStateError", e.what(), {"WebSocketError", "RuntimeError"});
    } catch (const proapi::WebSocketMessageError& e) {
        Json result = error("WebSocketMessageError", e.what(), {"WebSocketError", "ValueError"});
        result["data"] = shown(e.data());
        return result;
    } catch (const proapi::TimeoutError& e) {
        return error("TimeoutError", e.what(), {});
    } catch (const TypeError& e) {
        return error("TypeError", e.what(), {});
    } catch (const std::invalid_argument& e) {
        if (call == "send_surrogate") return error("UnicodeEncodeError", e.what(), {"ValueError"});
        return error("ValueError", e.what(), {});
    } catch (const std::exception& e) {
        return error("RuntimeError", e.what(), {});
    }
}

Json state(const WebSocketConnection& ws) {
    const bool closed = ws.closed();
    const auto code = ws.close_code();
    return {{"path", ws.path()},
            {"path_params", last_values(ws.path_params())},
            {"query", grouped(ws.query_params(), false)},
            {"last", last_values(ws.query_params())},
            {"headers", grouped(ws.headers(), true)},
            {"cookies", last_values(ws.cookies())},
            {"subprotocols", ws.subprotocols()},
            {"client", client_of(ws.client())},
            {"client_certificate", certificate_of(ws.client_certificate())},
            {"url", ws.url()},
            {"closed", closed},
            {"close_code", code ? Json(*code) : Json()},
            {"close_reason", closed ? Json(ws.close_reason()) : Json()},
            {"subprotocol", ws.subprotocol().empty() ? Json() : Json(ws.subprotocol())},
            {"buffered_amount", ws.buffered_amount()}};
}

Task<Json> iterate(WebSocketConnection ws, Json command) {
    const std::string kind = command["kind"];
    Json seen = Json::array();
    if (kind == "any")
        while (auto message = co_await ws.next()) seen.push_back(shown(*message));
    if (kind == "text")
        while (auto message = co_await ws.next_text()) seen.push_back(*message);
    if (kind == "bytes")
        while (auto message = co_await ws.next_bytes()) seen.push_back(shown(*message));
    if (kind == "json")
        while (auto message = co_await ws.next_json()) seen.push_back(*message);
    co_return seen;
}

Task<Json> send_many(WebSocketConnection ws, Json command) {
    int completed = 0;
    const std::size_t size = command["size"];
    for (int index = 0; index < command["count"].get<int>(); ++index)
        completed += co_await ws.send_text(padded(index, size)) ? 1 : 0;
    co_return completed;
}

Task<Json> send_unawaited(WebSocketConnection ws, Json command) {
    const std::size_t size = command["size"];
    const int count = command["count"];
    for (int index = 0; index < count; ++index) {
        if (ws.closed()) co_return index;
        ws.send_text(padded(index, size));
    }
    co_return count;
}

Task<Json> remember(WebSocketConnection ws, Json command) {
    const Json set = command.value("set", Json::object());
    for (const auto& [name, value] : set.items()) ws.state()[name] = value;
    Json all = Json::object();
    for (const auto& [name, value] : ws.state()) all[name] = std::any_cast<Json>(value);
    co_return all;
}

Task<Json> user_data(WebSocketConnection ws, Json command) {
    const Json set = command.value("set", Json::object());
    for (const auto& [name, value] : set.items()) ws.user_data()[name] = value;
    Json all = Json::object();
    for (const auto& [name, value] : ws.user_data()) all[name] = std::any_cast<Json>(value);
    co_return all;
}

Task<Json> receive_points(WebSocketConnection ws, Json) {
    const auto points = co_await ws.receive_json<std::map<std::string, int>>();
    Json all = Json::array();
    for (const auto& [name, value] : points) all.push_back(Json::array({name, value}));
    co_return all;
}

Task<Json> accept(WebSocketConnection ws, Json command) {
    const std::string subprotocol = text_or(command, "subprotocol", "");
    const proapi::Headers headers = headers_of(command);
    std::optional<std::string_view> chosen;
    if (!subprotocol.empty()) chosen = subprotocol;
    co_await ws.accept(chosen, headers);
    co_return Json();
}

Task<Json> close(WebSocketConnection ws, Json command) {
    const std::string reason = text_or(command, "reason", "");
    const int code = command.value("code", 1000);
    co_await ws.close(static_cast<std::uint16_t>(code), reason);
    co_return Json();
}

Task<Json> reject(WebSocketConnection ws, Json command) {
    const std::string body = text_or(command, "body", "");
    const proapi::Headers headers = headers_of(command);
    co_await ws.reject(command.value("status", 403), body, headers);
    co_return Json();
}

Task<Json> wait_closed(WebSocketConnection ws, Json) {
    co_await ws.wait_closed();
    co_return Json();
}

Task<Json> receive(WebSocketConnection ws, Json command) {
    const std::string call = command["call"];
    if (call == "receive_text") co_return co_await ws.receive_text();
    if (call == "receive_json") co_return co_await ws.receive_json();
    if (call == "receive_bytes") {
        const proapi::Bytes bytes = co_await ws.receive_bytes();
        co_return shown(bytes);
    }
    const milliseconds limit(command.value("ms", 0));
    Message message;
    if (call == "receive_within") {
        message = co_await proapi::wait_for(ws.receive(), limit);
    } else {
        message = co_await ws.receive();
    }
    co_return shown(message);
}

Task<Json> send(WebSocketConnection ws, Json command) {
    const std::string call = command["call"];
    const Json data = command.value("data", Json());
    const proapi::SendOptions options{.compress = command.value("compress", true)};
    if (call == "send_text") co_return co_await ws.send_text(text_of(data), options);
    if (call == "send_surrogate") co_return co_await ws.send_text("\xED\xA0\x80");
    if (call == "send_number") {
        const bool is_nan = command["name"] == "nan";
        const double value = is_nan ? std::nan("") : std::numeric_limits<double>::infinity();
        const Json numbers = Json::array({Json{{"x", value}}});
        co_return co_await ws.send_json(numbers);
    }
    if (call == "send_json") {
        const bool binary = text_or(command, "mode", "text") == "binary";
        co_return co_await ws.send_json(data, binary ? proapi::JsonMode::binary : proapi::JsonMode::text, options);
    }
    const proapi::Bytes bytes = bytes_of(data);
    co_return co_await ws.send_bytes(bytes, options);
}

Task<Json> handle(WebSocketConnection ws, Json) {
    const std::hash<WebSocketConnection> hash;
    const WebSocketConnection copy = ws;
    co_return ws == copy&& hash(ws) == hash(copy) && ws != controls.begin()->second;
}

Task<Json> show_state(WebSocketConnection ws, Json) {
    co_return state(ws);
}

using Call = Task<Json> (*)(WebSocketConnection, Json);
const std::map<std::string, Call> calls = {
    {"state", show_state},
    {"handle", handle},
    {"remember", remember},
    {"user_data", user_data},
    {"accept", accept},
    {"close", close},
    {"reject", reject},
    {"wait_closed", wait_closed},
    {"receive", receive},
    {"receive_text", receive},
    {"receive_bytes", receive},
    {"receive_json", receive},
    {"receive_points", receive_points},
    {"receive_within", receive},
    {"iterate", iterate},
    {"send_text", send},
    {"send_bytes", send},
    {"send_view", send},
    {"send_surrogate", send},
    {"send_json", send},
    {"send_number", send},
    {"send_many", send_many},
    {"send_unawaited", send_unawaited},
};

Task<> carry_out(WebSocketConnection control, WebSocketConnection subject, Json command) {
    Json result = {{"id", command["id"]}};
    const std::string call = command["call"];
    try {
        Json value = co_await calls.at(call)(subject, command);
        result["value"] = std::move(value);
    } catch (...) {
        result.update(told(std::current_exception(), call));
    }
    co_await control.send_json(result);
}

// Throws the exception that `what` names, so that it leaves the handler.
Task<> leave(WebSocketConnection subject, std::string what) {
    if (what == "error") throw std::runtime_error("raised as asked");
    if (what == "refusal") throw proapi::HTTPException(410, "not today", {{"X-Why", "asked"}});
    if (what == "no refusal") throw proapi::HTTPException(200, "raised as asked");
    if (what == "missing") static_cast<void>(subject.query_params()["missing"]);
    if (what == "wrong kind") co_await subject.receive_text();
    if (what == "not JSON") co_await subject.receive_json();
    if (what == "own message error")
        throw proapi::WebSocketMessageError(proapi::WebSocketMessageError::Fault::content, "raised as asked", {});
    if (what == "group") co_await proapi::when_all(proapi::wait_for(subject.receive(), std::chrono::hours(1)));
}

// Carries out on `subject` the commands that arrive over `control`.
Task<> follow(WebSocketConnection control, WebSocketConnection subject) {
    std::map<std::int64_t, proapi::TaskHandle> tasks;
    while (true) {
        const Json command = co_await control.receive_json();
        const std::string call = command["call"];
        if (call == "return") co_return;
        if (call == "raise") {
            co_await leave(subject, command["what"]);
        } else if (call == "cancel") {
            tasks.at(command["of"]).cancel();
            const Json result = {{"id", command["id"]}, {"value", nullptr}};
            co_await control.send_json(result);
        } else if (command.value("in_task", false)) {
            tasks.insert_or_assign(command["id"], proapi::spawn(carry_out(control, subject, command)));
        } else {
            co_await carry_out(control, subject, command);
        }
    }
}

}  // namespace

void register_driven(proapi::ProAPI& app) {
    app.websocket("/features/control/{name}", [](WebSocketConnection websocket, std::string name) -> Task<> {
        const Listed listed(controls, name, websocket);
        co_await websocket.accept();
        co_await websocket.wait_closed();
    });
    app.websocket("/features/own/{name}", [](WebSocketConnection websocket, std::string name) -> Task<> {
        const Listed listed(subjects, name, websocket);
        co_await follow(controls.at(name), websocket);
    });
    app.websocket("/features/foreign/{name}", [](WebSocketConnection websocket, std::string name) -> Task<> {
        const WebSocketConnection subject = subjects.at(name);
        co_await websocket.accept();
        co_await follow(websocket, subject);
    });
}

}  // namespace features
