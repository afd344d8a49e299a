// Lets a client and a server talk. The input is a script with one step per line: the side (c, s), the action, and the
// payload. Actions: t text, b binary, p ping, o pong, x Close; d delivers that many octets of what the side has sent.
// Oracle: each side is told what the other one sent, in order, with a pong for each ping. After both have closed,
// nothing is left over. Neither side ever fails, since neither breaks a rule.
#include <deque>
#include <utility>

#include "base/utf8.hpp"
#include "http/url.hpp"
#include "wire.hpp"
#include "ws/connection.hpp"

namespace proapi::fuzz {
namespace {

struct SentFrame {
    char kind;
    std::string payload;
    friend bool operator==(const SentFrame&, const SentFrame&) = default;
};

struct Side {
    explicit Side(ws::Role role) : connection(role, {}, next_masking_key) {}
    ws::Connection connection;
    std::deque<SentFrame> sent;  // not yet reported to the other side
    std::string wire;            // not yet delivered
    bool has_closed = false;
};

void send(Side& side, char kind, std::string_view payload) {
    const std::string text = http::replace_invalid_utf8(payload);
    std::string short_text = text.substr(0, ws::max_close_reason_bytes);
    while (!base::is_valid_utf8(base::as_bytes(short_text))) short_text.pop_back();
    switch (kind) {
        case 't':
            side.connection.send_message(ws::Opcode::text, base::as_bytes(text));
            break;
        case 'b':
            side.connection.send_message(ws::Opcode::binary, base::as_bytes(text));
            break;
        case 'p':
            side.connection.send_ping(base::as_bytes(short_text));
            break;
        case 'o':
            side.connection.send_pong(base::as_bytes(short_text));
            break;
        case 'x':
            side.connection.send_close(4000, short_text);
            break;
        default:
            return;
    }
    // After a Close nothing is sent, whatever is requested.
    if (side.has_closed) return;
    side.has_closed = kind == 'x';
    side.sent.push_back({kind, kind == 't' || kind == 'b' ? text : short_text});
}

char kind_of(const ws::Event& event) {
    switch (event.kind) {
        case ws::EventKind::message:
            return event.opcode == ws::Opcode::text ? 't' : 'b';
        case ws::EventKind::ping:
            return 'p';
        case ws::EventKind::pong:
            return 'o';
        case ws::EventKind::close:
            return 'x';
        default:
            return '?';
    }
}

// Delivers at most `count` octets of what `from` has sent.
void deliver(Side& from, Side& to, std::size_t count) {
    from.wire += take_wire(from.connection.output());
    Block block(std::string_view(from.wire).substr(0, count));
    from.wire.erase(0, count);
    // What `to` answers by itself is sent when the event is reported.
    to.connection.feed(block.bytes());
    for (ws::Event event = to.connection.next_event(); event.kind != ws::EventKind::need_data;
         event = to.connection.next_event()) {
        const std::string payload(base::as_text(event.payload));
        check(event.kind != ws::EventKind::failed, "nobody fails who talks by the rules", payload);
        check(!from.sent.empty(), "nothing is told that was not sent", payload);
        const SentFrame expected = from.sent.front();
        from.sent.pop_front();
        check(kind_of(event) == expected.kind, "frames are told in the order in which they were sent", payload);
        check_equal(payload, expected.payload, "a payload is told as it was sent");
        if (event.kind == ws::EventKind::ping && !to.has_closed) to.sent.push_back({'o', payload});
        if (event.kind == ws::EventKind::close) {
            check(event.code == 4000, "a close code is told as it was sent", payload);
            // The echoed Close has the code and no reason.
            if (!std::exchange(to.has_closed, true)) to.sent.push_back({'x', ""});
        }
    }
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ws_pair) {
    using namespace proapi;
    using namespace proapi::fuzz;
    Side client(ws::Role::client), server(ws::Role::server);
    while (!input.empty()) {
        std::string_view line = input.take_line();
        if (line.size() < 2) continue;
        Side& side = line[0] == 's' ? server : client;
        Side& other = line[0] == 's' ? client : server;
        const std::string_view payload = line.substr(2);
        if (line[1] == 'd') {
            deliver(side, other, payload.empty() ? 1 : static_cast<std::uint8_t>(payload[0]));
        } else {
            send(side, line[1], payload);
        }
    }
    send(client, 'x', "");
    for (int turn = 0; turn < 3; ++turn) {
        deliver(client, server, std::string::npos);
        deliver(server, client, std::string::npos);
    }
    for (const Side* side : {&client, &server}) {
        check(side->connection.close_sent() && side->connection.close_received(), "both sides have closed");
        check(side->wire.empty() && side->connection.buffered_input_bytes() == 0, "nothing is left over");
    }
}
