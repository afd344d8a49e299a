// Feeds a peer's octets to ws::Connection, in either role, with small limits, and also after our own Close.
// Oracle: fed as a whole, in pieces and octet by octet, with lent or retained input, the events and the output are the
// same. If a peer of the other role sends the events again, they are reported again. A frame header that is read and
// written again has the same octets.
#include "base/utf8.hpp"
#include "wire.hpp"
#include "ws/connection.hpp"

namespace proapi::fuzz {
namespace {

// `lent`: the block stays valid until need_data. `retained`: after every event the connection retains the rest of the
// input, and the block is destroyed.
enum class InputMode : std::uint8_t { lent, retained };

struct PeerSession {
    ws::Role role = ws::Role::server;
    ws::ConnectionLimits limits;
    bool closes_first = false;
};

struct ToldEvent {
    ws::EventKind kind;
    ws::Opcode opcode;
    std::uint16_t code;
    std::string payload;
    friend bool operator==(const ToldEvent&, const ToldEvent&) = default;
};

std::uint32_t sample_key() {
    return 0x37fa213d;
}

void check_event(const ws::Event& event) {
    const std::string_view payload = base::as_text(event.payload);
    if (event.kind == ws::EventKind::message) {
        check(!ws::is_control(event.opcode) && event.opcode != ws::Opcode::continuation, "a message is text or binary");
        check(event.opcode != ws::Opcode::text || base::is_valid_utf8(event.payload), "text is UTF-8", payload);
    }
    if (event.kind == ws::EventKind::close)
        check(event.code == ws::close_code::no_status_received ? event.payload.empty()
                                                               : ws::is_sendable_close_code(event.code),
              "a close code is one that may be sent", payload);
    if (event.kind == ws::EventKind::close || event.kind == ws::EventKind::failed)
        check(base::is_valid_utf8(event.payload) && payload.size() <= ws::max_close_reason_bytes,
              "a reason is UTF-8 and fits into a Close", payload);
}

struct Transcript {
    std::vector<ToldEvent> events;
    std::string output;
    std::string state;
    friend bool operator==(const Transcript&, const Transcript&) = default;
};

Transcript play(const PeerSession& session, const std::vector<std::string_view>& pieces, InputMode mode) {
    ws::Connection connection(session.role, session.limits, sample_key);
    if (session.closes_first) connection.send_close(1000, "bye");
    Transcript transcript;
    for (const std::string_view piece : pieces) {
        auto block = std::make_unique<Block>(piece);
        connection.feed(block->bytes());
        for (ws::Event event = connection.next_event(); event.kind != ws::EventKind::need_data;
             event = connection.next_event()) {
            check_event(event);
            transcript.events.push_back(
                {event.kind, event.opcode, event.code, std::string(base::as_text(event.payload))});
            if (mode == InputMode::lent) continue;
            connection.retain_input();
            block.reset();
        }
        check(!connection.has_input(), "need_data comes once everything has been read");
    }
    transcript.output = take_wire(connection.output());
    transcript.state = std::to_string(connection.close_sent()) + std::to_string(connection.close_received()) +
                       std::to_string(connection.has_failed()) + std::to_string(connection.message_in_progress()) +
                       " " + std::to_string(connection.expected_payload_bytes()) + " " +
                       std::to_string(connection.buffered_input_bytes());
    return transcript;
}

std::string told(const Transcript& transcript) {
    std::string text;
    for (const ToldEvent& event : transcript.events)
        text += std::to_string(static_cast<int>(event.kind)) + "/" + std::to_string(static_cast<int>(event.opcode)) +
                "/" + std::to_string(event.code) + " " + event.payload + "\n";
    return text + "output " + transcript.output + "\nstate " + transcript.state;
}

// Checks that the events are the same if a peer sends each of them in one frame.
void check_sent_again(const PeerSession& session, Transcript transcript) {
    ws::Connection peer(session.role == ws::Role::server ? ws::Role::client : ws::Role::server, {}, sample_key);
    if (!transcript.events.empty() && transcript.events.back().kind == ws::EventKind::failed)
        transcript.events.pop_back();
    for (const ToldEvent& event : transcript.events) {
        const base::Bytes payload = base::as_bytes(event.payload);
        if (event.kind == ws::EventKind::message) peer.send_message(event.opcode, payload);
        if (event.kind == ws::EventKind::ping) peer.send_ping(payload);
        if (event.kind == ws::EventKind::pong) peer.send_pong(payload);
        if (event.kind == ws::EventKind::close) peer.send_close(event.code, event.payload);
    }
    const std::string sent = take_wire(peer.output());
    const Transcript again = play(session, {sent}, InputMode::lent);
    check(again.events == transcript.events, "what one role sends is what the other one tells", told(again));
}

void check_header(std::string_view text) {
    ws::FrameHeader header;
    std::size_t size = 0;
    const Block block(text.substr(0, ws::max_frame_header_bytes));
    if (ws::read_frame_header(base::as_bytes(block.text()), header, size) != ws::HeaderStatus::complete) return;
    std::uint8_t octets[ws::max_frame_header_bytes];
    check(size <= text.size(), "a header is no longer than what it was read from");
    const std::size_t written = ws::write_frame_header(header, octets);
    check_equal(base::as_text({octets, written}), text.substr(0, size), "a header is written as it was read");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ws_connection) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const std::uint8_t choice = input.take_octet();
    PeerSession session;
    if ((choice & 1) != 0) session.role = ws::Role::client;
    if ((choice & 2) != 0) session.limits.max_message_size_bytes = 20;
    if ((choice & 4) != 0) session.limits.max_fragments = 3;
    if ((choice & 8) != 0) session.limits.max_empty_fragments = 1;
    session.closes_first = (choice & 16) != 0;
    const auto cuts = input.take_cuts();
    check_header(input.rest());
    const Transcript whole = play(session, {input.rest()}, InputMode::lent);
    const std::string expected = told(whole);
    const std::vector<std::string_view> all{input.rest()}, some = cut(input.rest(), cuts),
                                                           every = cut_everywhere(input.rest());
    check_equal(told(play(session, all, InputMode::retained)), expected, "retained, the events are the same");
    for (const InputMode mode : {InputMode::lent, InputMode::retained}) {
        check_equal(told(play(session, some, mode)), expected, "cut, the events are the same");
        check_equal(told(play(session, every, mode)), expected, "octet by octet, the events are the same");
    }
    check_sent_again(session, whole);
}
