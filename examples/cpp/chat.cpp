// The chat behind examples/web: rooms, names, who is there, and every message to everyone in the room.
//
//   chat [DIRECTORY]     serves the page of that directory, and WebSocket at /chat/{room}?name=<name>
//
//   server -> client   {type: "welcome", room, you, name, users: [name, ...]}
//                      {type: "join" | "leave", name, users: count, at}
//                      {type: "message", from, name, text, at, echo?}     {type: "error", text}
//   client -> server   {type: "message", text, ref}
//
// All runs on one thread: what handlers share needs no lock.
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <proapi/proapi.hpp>
#include <string>
#include <string_view>

namespace {

using proapi::Json;

constexpr std::size_t max_name = 32, max_text = 4000;

struct Member {
    proapi::WebSocketConnection websocket;
    std::string name;
};
using Room = std::map<int, Member>;  // by id, in the order of joining

std::int64_t now_ms() {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    const auto begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

// Characters of UTF-8, as JavaScript's page counts them: UTF-16 code units.
std::size_t length_of(std::string_view text) {
    std::size_t count = 0;
    for (const char character : text) {
        const auto octet = static_cast<unsigned char>(character);
        if ((octet & 0xC0) != 0x80) count += octet >= 0xF0 ? 2 : 1;
    }
    return count;
}

Json error(const std::string& text) { return {{"type", "error"}, {"text", text}}; }

// Nobody waits for a slow member: one that does not keep up is disconnected by max_buffered.
void publish(const Room& room, const Json& event) {
    const std::string text = proapi::write_json(event);
    for (const auto& [id, member] : room) member.websocket.send_text(text);
}

// A member's place in its room, for as long as its handler runs.
class Seat {
public:
    Seat(std::map<std::string, Room>& rooms, const std::string& room, int id, Member member)
        : rooms_(rooms), room_(room), name_(member.name), id_(id) {
        rooms_[room_].emplace(id, std::move(member));
        announce("join");
    }
    ~Seat() {
        rooms_[room_].erase(id_);
        announce("leave");
        if (rooms_[room_].empty()) rooms_.erase(room_);
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    [[nodiscard]] const Room& room() const { return rooms_[room_]; }

private:
    void announce(const char* type) {
        const Room& room = rooms_[room_];
        publish(room, {{"type", type}, {"name", name_}, {"users", room.size()}, {"at", now_ms()}});
    }

    std::map<std::string, Room>& rooms_;
    std::string room_, name_;
    int id_;
};

// The text to publish, or nothing where the frame is none; `wrong` says why.
std::optional<std::string> text_of(const Json& frame, std::string& wrong) {
    if (!frame.is_object() || frame.value("type", Json()) != "message" || !frame.value("text", Json()).is_string()) {
        wrong = "Expected {type: \"message\", text}.";
        return std::nullopt;
    }
    const auto text = frame["text"].get<std::string>();
    if (!trim(text).empty() && length_of(text) <= max_text) return text;
    wrong = "A message has 1 to " + std::to_string(max_text) + " characters.";
    return std::nullopt;
}

// Frames that can't be understood are answered; only the connection's end leaves this function.
proapi::Task<> serve_member(proapi::WebSocketConnection websocket, const Seat* seat, int id, std::string name) {
    while (true) {
        std::string wrong;
        Json frame;
        try {
            frame = co_await websocket.receive_json();
        } catch (const proapi::WebSocketMessageError&) {
            wrong = "Expected JSON.";
        }
        const auto text = wrong.empty() ? text_of(frame, wrong) : std::nullopt;
        if (!text) {
            co_await websocket.send_json(error(wrong));
            continue;
        }
        Json message = {{"type", "message"}, {"from", id}, {"name", name}, {"text", *text}, {"at", now_ms()}};
        for (const auto& [other, member] : seat->room())
            if (other != id) member.websocket.send_json(message);
        if (frame.contains("ref")) message["echo"] = frame["ref"];
        co_await websocket.send_json(message);
    }
}

}  // namespace

int main(int argc, char** argv) {
    proapi::ProAPI app;
    std::map<std::string, Room> rooms;
    int last_id = 0;

    app.websocket("/chat/{room}", [&](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        const std::string given = websocket.query_params().get("name", "");
        const std::string name(trim(given));
        co_await websocket.accept();
        if (name.empty() || length_of(name) > max_name) {
            co_await websocket.send_json(error("A name has 1 to 32 characters."));
            co_await websocket.close(1008, "a name has 1 to 32 characters");
            co_return;
        }
        const int id = ++last_id;
        Json users = Json::array();
        for (const auto& [other, member] : rooms[room]) users.push_back(member.name);
        users.push_back(name);
        Json welcome = {{"type", "welcome"}, {"room", room}, {"you", id}, {"name", name}, {"users", users}};
        co_await websocket.send_json(welcome);
        Member member{websocket, name};
        const Seat seat(rooms, room, id, member);
        co_await serve_member(websocket, &seat, id, name);
    });

    try {
        app.static_files("/", argc > 1 ? argv[1] : PROAPI_CHAT_PAGE);
    } catch (const proapi::RouteError& wrong) {
        std::cerr << wrong.what() << std::endl;
        return 1;
    }
    app.run();
}
