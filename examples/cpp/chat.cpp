// A chat with rooms, names and a list of members. Run it, then open http://127.0.0.1:8000 in a few windows.
//
//   chat [DIRECTORY]     the page's directory, by default examples/web
//
// One thread runs everything, so what the handlers share needs no lock.
#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <map>
#include <proapi/proapi.hpp>
#include <string>
#include <string_view>

using proapi::Json;

using Members = std::map<proapi::WebSocketConnection, std::string>;  // with their names

constexpr std::size_t REMEMBERED = 256;  // messages of a room

struct Room {
    Members members;
    std::deque<std::pair<std::string, Json>> answers;  // to the last messages, with their refs, oldest first

    // Null for a message that has not been answered yet.
    Json answer_to(const std::string& ref) const {
        const auto known = std::ranges::find(answers, ref, &std::pair<std::string, Json>::first);
        return known == answers.end() ? Json() : known->second;
    }
    void remember(const std::string& ref, const Json& answer) {
        answers.emplace_back(ref, answer);
        if (answers.size() > REMEMBERED) answers.pop_front();
    }
};

// What a page sends. The ref is random and unique to the message: if the connection breaks before the page has the
// answer, the page sends the message again, with the same ref.
struct Said {
    std::string text, ref;
};
void from_json(const Json& json, Said& said) {
    json.at("text").get_to(said.text);
    if (json.contains("ref")) json.at("ref").get_to(said.ref);
}

// The first `count` characters of UTF-8.
std::string first_characters(const std::string& text, std::size_t count) {
    std::size_t end = 0;
    while (end < text.size() && ((text[end] & 0xC0) == 0x80 || count-- > 0)) ++end;
    return text.substr(0, end);
}

std::size_t characters_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Unicode's white space, as Python defines it.
constexpr std::string_view SPACES =
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000";

// Strips white space at both ends. Inside, white space stays, or each run becomes one space (`join_words`).
std::string tidy(std::string_view text, bool join_words = false) {
    std::string tidied;
    std::size_t word_end = 0;
    for (std::size_t at = 0, next = 0; at < text.size(); at = next) {
        for (next = at + 1; next < text.size() && (text[next] & 0xC0) == 0x80;) ++next;
        const std::string_view character = text.substr(at, next - at);
        if (SPACES.find(character) != SPACES.npos) continue;
        if (!tidied.empty() && word_end < at) tidied += join_words ? " " : text.substr(word_end, at - word_end);
        tidied += character;
        word_end = next;
    }
    return tidied;
}

// Sends to everybody else. A send acts when it is called. Without `co_await` it does not wait for the slowest reader; a
// member that falls too far behind is disconnected (max_buffered).
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
    std::map<std::string, Room>& rooms;
    std::string room, name;
    proapi::WebSocketConnection websocket;

    Seat(std::map<std::string, Room>& all, std::string in, std::string as, proapi::WebSocketConnection who)
        : rooms(all), room(std::move(in)), name(std::move(as)), websocket(std::move(who)) {
        rooms[room].members.emplace(websocket, name);
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() {
        Members& members = rooms[room].members;
        members.erase(websocket);
        tell(members, websocket, {{"type", "leave"}, {"name", name}, {"users", members.size()}});
        if (members.empty()) rooms.erase(room);
    }
};

int main(int argc, char** argv) {
    proapi::ProAPI app;
    std::map<std::string, Room> rooms;
    int ids = 0;

    app.websocket("/chat/{room}", [&](proapi::WebSocketConnection websocket, std::string room) -> proapi::Task<> {
        const int you = ++ids;
        std::string name = first_characters(tidy(websocket.query_params().get("name", ""), true), 32);
        if (name.empty()) name = "Guest " + std::to_string(you);
        co_await websocket.accept();
        const Seat seat(rooms, room, name, websocket);
        Room& here = rooms[room];
        const Members& members = here.members;
        Json users = Json::array();
        for (const auto& [member, their_name] : members) users.push_back(their_name);
        const Json welcome = {{"type", "welcome"}, {"room", room}, {"you", you}, {"name", name}, {"users", users}};
        co_await websocket.send_json(welcome);
        tell(members, websocket, {{"type", "join"}, {"name", name}, {"users", members.size()}});
        while (true) {
            Said said;
            try {
                said = co_await websocket.receive_json<Said>();
            } catch (const proapi::WebSocketMessageError&) {
            }
            const std::string text = tidy(said.text);
            if (text.empty() || characters_of(text) > 4000 || characters_of(said.ref) > 64) {
                const Json error = {{"type", "error"}, {"text", "A message has 1 to 4000 characters."}};
                co_await websocket.send_json(error);
                continue;
            }
            Json answer = here.answer_to(said.ref);  // if there is one, the others already have the message
            if (answer.is_null()) {
                answer = {{"type", "message"}, {"from", you}, {"name", name}, {"text", text}};
                answer["at"] = tell(members, websocket, answer);
                answer["echo"] = said.ref;
                if (!said.ref.empty()) here.remember(said.ref, answer);
            }
            co_await websocket.send_json(answer);
        }
    });

    try {
        app.static_files("/", argc > 1 ? argv[1] : PROAPI_CHAT_PAGE);
    } catch (const proapi::RouteError& wrong) {
        std::cerr << wrong.what() << std::endl;
        return 1;
    }
    app.run_or_exit({.fast = true});
}
