// The receiving half of the RFC 6455 machine: headers judged in the order of their octets, payloads unmasked in place,
// text checked at every octet (section 8.1), control frames answered (5.5), the Close exchange (7). A whole message in
// one whole frame is told as a view into the octets fed: no copy, no allocation.
// Must not know sockets, time, or who reads the events.
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/mask.hpp"
#include "ws/connection_state.hpp"

namespace proapi::ws {
namespace {

using base::Bytes;
using base::MutableBytes;

unsigned number(Opcode opcode) noexcept {
    return static_cast<unsigned>(opcode);
}
unsigned long long number(std::uint64_t value) noexcept {
    return value;
}

}  // namespace

Event Connection::State::next_event() {
    release_told();
    Event event;
    // Section 7.1.7: after failing the connection no further data is processed; section 1.4: after a Close all is
    // ignored.
    if (is_draining()) {
        input.clear();
        return event;
    }
    while (event.kind == EventKind::need_data && !input.empty()) {
        if (!in_payload) read_header(event);
        if (in_payload) read_payload(event);
    }
    return event;
}

void Connection::State::release_told() noexcept {
    if (message_told) assembler.release();
    message_told = false;
    if (held_size == 0) held.reset();
    input.release_read();
}

bool Connection::State::message_in_progress() const noexcept {
    if (is_draining()) return false;
    if (message_opcode != Opcode::continuation) return true;
    // The first octets of a message's first header.
    return !in_payload && held_size > 0 && !is_control(static_cast<Opcode>((*held)[0] & 0x0F));
}

void Connection::State::read_header(Event& event) {
    const MutableBytes available = input.current();
    const std::size_t held_before = held_size;
    Bytes octets = available;
    if (held_before > 0) {
        const std::size_t added = std::min(available.size(), max_frame_header_bytes - held_before);
        std::memcpy(held->data() + held_before, available.data(), added);
        octets = {held->data(), held_before + added};
    }
    FrameHeader header;
    std::size_t header_bytes = 0;
    if (!check_first_octet(octets[0], event)) return;
    const HeaderStatus status = read_frame_header(octets, header, header_bytes);
    if (!check_header_status(status, octets, event)) return;
    if (status == HeaderStatus::need_data) {
        // A header that needs more is shorter than the longest: all of `octets` fits.
        if (held_before == 0) std::memcpy(hold().data(), octets.data(), octets.size());
        held_size = static_cast<std::uint8_t>(octets.size());
        input.advance(octets.size() - held_before);
        return;
    }
    if (!check_size(header, event) || !check_fragments(header, event)) return;
    input.advance(header_bytes - held_before);
    held_size = 0;
    begin_frame(header);
}

bool Connection::State::check_first_octet(std::uint8_t octet, Event& event) {
    // Section 5.2: a nonzero RSV bit without an extension that defines it fails the connection.
    if (const unsigned rsv = (octet >> 4) & 0x7U; rsv != 0) {
        fail(event, close_code::protocol_error, "expected RSV bits 0, since no extension was negotiated; got RSV %u",
             rsv);
        return false;
    }
    const auto opcode = static_cast<Opcode>(octet & 0x0F);
    const bool in_message = message_opcode != Opcode::continuation;
    // Section 5.4: a message is one data frame and then continuations, and messages don't interleave.
    if (opcode == Opcode::continuation && !in_message) {
        fail(event, close_code::protocol_error, "expected a new message, got a continuation frame without one begun");
        return false;
    }
    if ((opcode == Opcode::text || opcode == Opcode::binary) && in_message) {
        fail(event, close_code::protocol_error,
             "expected a continuation of the unfinished message, got a new data frame of opcode %u", number(opcode));
        return false;
    }
    return true;
}

bool Connection::State::check_masked(bool masked, Event& event) {
    // Section 5.1: a server closes upon an unmasked frame, a client upon a masked one.
    if (masked == (role == Role::server)) return true;
    if (role == Role::server) {
        fail(event, close_code::protocol_error,
             "expected a masked frame, since clients must mask; got an unmasked one");
    } else {
        fail(event, close_code::protocol_error,
             "expected an unmasked frame, since servers must not mask; got a masked one");
    }
    return false;
}

// Judges in the order of the octets, so that any cutting of the input gives the same verdict.
bool Connection::State::check_header_status(HeaderStatus status, Bytes octets, Event& event) {
    const unsigned opcode = octets[0] & 0x0FU;
    if (status == HeaderStatus::reserved_opcode) {
        fail(event, close_code::protocol_error, "expected opcode 0, 1, 2, 8, 9 or 10, got the reserved opcode %u",
             opcode);
        return false;
    }
    if (status == HeaderStatus::fragmented_control) {
        fail(event, close_code::protocol_error, "expected FIN on a control frame, got a fragment of opcode %u", opcode);
        return false;
    }
    if (octets.size() >= 2 && !check_masked((octets[1] & 0x80) != 0, event)) return false;
    if (opcode == number(Opcode::close) && octets.size() >= 2 && (octets[1] & 0x7F) == 1) {
        // Section 5.5.1: the body, if any, begins with a 2-octet code.
        fail(event, close_code::protocol_error,
             "expected a Close without payload or with a code of 2 octets, got 1 octet");
        return false;
    }
    switch (status) {
        case HeaderStatus::control_too_long:
            fail(event, close_code::protocol_error, "expected a control frame of at most 125 octets, got a longer one");
            return false;
        case HeaderStatus::non_minimal_length:
            fail(event, close_code::protocol_error,
                 "expected the payload length in its shortest form, got a longer form");
            return false;
        case HeaderStatus::length_too_large:
            fail(event, close_code::protocol_error, "expected a payload length below 2^63, got its highest bit set");
            return false;
        default:
            return true;
    }
}

bool Connection::State::check_size(const FrameHeader& header, Event& event) {
    if (is_control(header.opcode)) return true;
    // Written so that no sum can overflow: what is gathered never exceeds the limit.
    const std::uint64_t room = limits.max_message_size_bytes - assembler.size();
    if (header.payload_length <= room) return true;
    fail(event, close_code::message_too_big,
         "expected at most %llu octets (max_message_size), got a frame of %llu after %llu",
         number(limits.max_message_size_bytes), number(header.payload_length),
         number(static_cast<std::uint64_t>(assembler.size())));
    return false;
}

bool Connection::State::check_fragments(const FrameHeader& header, Event& event) {
    const bool is_first = header.opcode != Opcode::continuation;
    // A message in one frame has no fragments (section 5.4).
    if (is_control(header.opcode) || (is_first && header.fin)) return true;
    const std::uint64_t count = (is_first ? 0 : std::uint64_t{fragments}) + 1;
    const std::uint64_t empty = (is_first ? 0 : std::uint64_t{empty_fragments}) + (header.payload_length == 0 ? 1 : 0);
    if (count > limits.max_fragments) {
        fail(event, close_code::policy_violation,
             "expected at most %u fragments in a message (max_fragments), got more", limits.max_fragments);
        return false;
    }
    if (empty > limits.max_empty_fragments) {
        fail(event, close_code::policy_violation,
             "expected at most %u empty fragments in a message (max_empty_fragments), got more",
             limits.max_empty_fragments);
        return false;
    }
    fragments = static_cast<std::uint32_t>(count);
    empty_fragments = static_cast<std::uint32_t>(empty);
    return true;
}

void Connection::State::begin_frame(const FrameHeader& header) noexcept {
    frame_opcode = header.opcode;
    frame_fin = header.fin;
    frame_masked = header.masked;
    masking_key = header.masking_key;
    mask_offset = 0;
    payload_left = header.payload_length;
    in_payload = true;
    if (header.opcode == Opcode::text || header.opcode == Opcode::binary) {
        message_opcode = header.opcode;
        utf8.reset();
    }
}

// What the input has of the frame's payload, unmasked; read from now on.
MutableBytes Connection::State::take_payload() noexcept {
    const MutableBytes available = input.current();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left, available.size()));
    const MutableBytes piece = available.first(count);
    if (frame_masked) base::apply_mask(piece, masking_key, mask_offset);
    mask_offset = static_cast<std::uint8_t>((mask_offset + count) % 4);
    payload_left -= count;
    input.advance(count);
    return piece;
}

void Connection::State::read_data(Event& event) {
    const Bytes piece = take_payload();
    const std::uint64_t piece_begin = assembler.size();
    const bool ends_frame = payload_left == 0;
    const bool ends_message = ends_frame && frame_fin;
    // Everything there is of the message lies in the caller's buffer: no need to gather.
    const bool in_one_piece = ends_message && piece_begin == 0;
    if (message_opcode == Opcode::text) {
        const bool valid =
            in_one_piece ? base::is_valid_utf8(piece) : utf8.feed(piece) && (!ends_message || utf8.is_complete());
        if (!valid) return fail_text(piece, piece_begin, event);
    }
    if (!in_one_piece)
        assembler.append(piece, frame_fin ? piece_begin + piece.size() + payload_left : limits.max_message_size_bytes);
    if (ends_frame) in_payload = false;
    if (!ends_message) return;
    event.kind = EventKind::message;
    event.opcode = message_opcode;
    event.payload = in_one_piece ? piece : assembler.bytes();
    message_told = true;
    message_opcode = Opcode::continuation;
}

void Connection::State::fail_text(Bytes piece, std::uint64_t piece_begin, Event& event) {
    // A message in one piece was checked without noting where it goes wrong.
    if (!utf8.has_failed() && utf8.accepted_octets() == piece_begin) static_cast<void>(utf8.feed(piece));
    const std::uint64_t position = utf8.accepted_octets();
    // Section 8.1: text that is not UTF-8 fails the connection; section 7.4.1 gives 1007 for it.
    if (utf8.has_failed()) {
        fail(event, close_code::invalid_payload, "expected UTF-8 text, got 0x%02X at octet %llu of the message",
             unsigned{piece[static_cast<std::size_t>(position - piece_begin)]}, number(position));
    } else {
        fail(event, close_code::invalid_payload, "expected UTF-8 text, got %llu octets that end inside a character",
             number(position));
    }
}

void Connection::State::read_control(Event& event) {
    const Bytes piece = take_payload();
    const bool whole = payload_left == 0;
    Bytes payload = piece;
    if (held_size > 0 || !whole) {
        if (!piece.empty()) std::memcpy(hold().data() + held_size, piece.data(), piece.size());
        held_size = static_cast<std::uint8_t>(held_size + piece.size());
        payload = {hold().data(), held_size};
    }
    if (frame_opcode == Opcode::close && !check_close(payload, whole, event)) return;
    if (!whole) return;
    in_payload = false;
    held_size = 0;  // its octets stay for the event's view
    tell_control(payload, event);
}

// Judges what has come of a Close's payload. It is at most 125 octets: looking at it again for each piece is cheap.
bool Connection::State::check_close(Bytes payload, bool whole, Event& event) {
    if (payload.size() < 2) return true;
    const unsigned code = unsigned{payload[0]} << 8 | payload[1];
    // Section 7.4: codes below 1000, reserved ones, and those that are never on the wire are a protocol error.
    if (!is_sendable_close_code(code)) {
        fail(event, close_code::protocol_error, "expected a close code of 1000-1003, 1007-1014 or 3000-4999, got %u",
             code);
        return false;
    }
    base::Utf8Validator reason;
    if (!reason.feed(payload.subspan(2))) {
        const auto position = static_cast<std::size_t>(reason.accepted_octets());
        fail(event, close_code::invalid_payload, "expected a UTF-8 close reason, got 0x%02X at octet %zu of it",
             unsigned{payload[2 + position]}, position);
        return false;
    }
    if (whole && !reason.is_complete()) {
        fail(event, close_code::invalid_payload,
             "expected a UTF-8 close reason, got %zu octets that end inside a character", payload.size() - 2);
        return false;
    }
    return true;
}

void Connection::State::tell_control(Bytes payload, Event& event) {
    event.opcode = frame_opcode;
    event.payload = payload;
    if (frame_opcode == Opcode::close) return tell_close(payload, event);
    event.kind = frame_opcode == Opcode::ping ? EventKind::ping : EventKind::pong;
    // Section 5.5.2: a ping is answered by a pong with the same payload, unless a Close was sent.
    if (frame_opcode == Opcode::ping) send_frame(Opcode::pong, payload);
}

void Connection::State::tell_close(Bytes payload, Event& event) {
    event.kind = EventKind::close;
    event.code = close_code::no_status_received;  // section 7.1.5, where the Close has no code
    event.payload = {};
    if (!payload.empty()) {
        event.code = static_cast<std::uint16_t>(payload[0] << 8 | payload[1]);
        event.payload = payload.subspan(2);
    }
    // Section 5.5.1: a Close is answered by one with its code, unless ours is out already.
    send_close(event.code, {});
    close_received = true;
    assembler.release();  // an unfinished message will never be whole
}

void Connection::State::fail(Event& event, std::uint16_t code, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    const int length =
        std::vsnprintf(reinterpret_cast<char*>(hold().data()), max_close_reason_bytes + 1, format, arguments);
    va_end(arguments);
    const std::size_t written = length < 0 ? 0 : std::min(static_cast<std::size_t>(length), max_close_reason_bytes);
    event.kind = EventKind::failed;
    event.code = code;
    event.payload = {held->data(), written};
    // Section 7.1.7: "An endpoint MUST NOT continue to attempt to process data"; it sends a Close with the status code.
    send_close(code, event.payload);
    failed = true;
    in_payload = false;
    held_size = 0;
    assembler.release();
}

}  // namespace proapi::ws
