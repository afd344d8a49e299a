// A chat with rooms, names and who is here. Run it, then open http://127.0.0.1:8000 in a few windows.
//
//   chat [DIRECTORY]     of the page; examples/web unless it is given
//
// One thread runs everything, so what the handlers share needs no lock.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <proapi/proapi.hpp>
#include <string>

using proapi::Json;

using Members = std::map<proapi::WebSocketConnection, std::string>;  // with their names

// The first `count` characters of UTF-8.
std::string first_characters(const std::string& text, std::size_t count) {
    std::size_t end = 0;
    while (end < text.size() && ((text[end] & 0xC0) == 0x80 || count-- > 0)) ++end;
    return text.substr(0, end);
}

std::size_t characters_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Without white space at the ends; inside, one space for each run of it.
std::string tidy(const std::string& text, bool join_words) {
    constexpr const char* space = " \t\r\n\v\f";
    std::string words;
    for (std::size_t at = text.find_first_not_of(space); join_words && at != std::string::npos;) {
        const std::size_t end = text.find_first_of(space, at);
        if (!words.empty()) words += ' ';
        words.append(text, at, end - at);
        at = text.find_first_not_of(space, end);
    }
    if (join_words) return words;
    const std::size_t begin = text.find_first_not_of(space);
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

// To everybody else. A send acts when it is called; not to await it is not to wait for the slowest reader, and who
// falls too far behind is disconnected (max_buffered).
std::int64_t tell(const Members& members, const proapi::WebSocketConnection& but, Json event) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const std::int64_t at = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    event["at"] = at;
    const std::string text = proapi::write_json(event);
    for (const auto& [member, name] : members)
        if (member != but) member.send_text(text);
    return at;
}

// A member's place in its room, for as long as its handler runs.
struct Seat {
    std::map<std::string, Members>& rooms;
    std::string room, name;
    proapi::WebSocketConnection websocket;

    Seat(std::map<std::string, Members>& all, std::string in, std::string as, proapi::WebSocketConnection who)
        : rooms(all), room(std::move(in)), name(std::move(as)), websocket(std::move(who)) {
        rooms[room].emplace(websocket, name);
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() {
        Members& members = rooms[room];
        members.erase(websocket);
        tell(members, websocket, {{"type", "leave"}, {"name", name}, {"users", members.size()}});
        if (members.empty()) rooms.erase(room);
    }
};

int main(int argc, char** argv) {
    proapi::ProAPI app;
    std::map<std::string, Members> rooms;
    int ids = 0;

    app.websocket("/chat/{room}", [&](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        const int you = ++ids;
        std::string name = first_characters(tidy(websocket.query_params().get("name", ""), true), 32);
        if (name.empty()) name = "Guest " + std::to_string(you);
        co_await websocket.accept();
        const Seat seat(rooms, room, name, websocket);
        const Members& members = rooms[room];
        Json users = Json::array();
        for (const auto& [member, their_name] : members) users.push_back(their_name);
        const Json welcome = {{"type", "welcome"}, {"room", room}, {"you", you}, {"name", name}, {"users", users}};
        co_await websocket.send_json(welcome);
        tell(members, websocket, {{"type", "join"}, {"name", name}, {"users", members.size()}});
        while (true) {
            std::string text;
            Json ref;
            try {
                const Json said = co_await websocket.receive_json();
                text = tidy(said.at("text").get<std::string>(), false);
                ref = said.value("ref", Json());
            } catch (const proapi::WebSocketMessageError&) {
            } catch (const Json::exception&) {  // it is JSON, but says nothing
            }
            if (text.empty() || characters_of(text) > 4000) {
                const Json error = {{"type", "error"}, {"text", "A message has 1 to 4000 characters."}};
                co_await websocket.send_json(error);
                continue;
            }
            Json message = {{"type", "message"}, {"from", you}, {"name", name}, {"text", text}};
            message["at"] = tell(members, websocket, message);
            message["echo"] = ref;
            co_await websocket.send_json(message);
        }
    });

    try {
        app.static_files("/", argc > 1 ? argv[1] : PROAPI_CHAT_PAGE);
    } catch (const proapi::RouteError& wrong) {
        std::cerr << wrong.what() << std::endl;
        return 1;
    }
    app.run({.fast = true});
}
