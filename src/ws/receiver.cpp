// Checks headers in the order of their octets, unmasks payloads in place, checks text at every octet (section 8.1), and
// handles the Close (section 7). A whole message in one whole frame is reported as a view into the octets fed, with no
// copy and no allocation.
#include "ws/receiver.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/mask.hpp"

namespace proapi::ws {
namespace {

using base::Bytes;
using base::MutableBytes;

// How many octets that a decoder writes cost as much time as the most expensive octet that it reads, about.
constexpr std::size_t input_weight = 16;

// How much a decoder may write at once; the limit on a message is checked after each step.
constexpr std::size_t decode_room_bytes = 64 * 1024;

// A thread's room for what decoders write, until the next call.
[[nodiscard]] MutableBytes decode_room() {
    thread_local const auto room = std::make_unique_for_overwrite<std::uint8_t[]>(decode_room_bytes);
    return {room.get(), decode_room_bytes};
}

constexpr unsigned number(Opcode opcode) noexcept {
    return static_cast<unsigned>(opcode);
}

// An octet as error texts show it: 0xC0.
std::string hexadecimal(std::uint8_t octet) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    return {'0', 'x', digits[octet >> 4], digits[octet & 0xF]};
}

}  // namespace

bool Receiver::fail(ErrorCode error, std::initializer_list<std::string_view> values) {
    const std::string reason = make_error(error, values).text;
    failure_size_ = static_cast<std::uint8_t>(std::min(reason.size(), max_close_reason_bytes));
    std::memcpy(hold().data(), reason.data(), failure_size_);
    failure_code_ = describe(error).code;
    phase_ = Phase::failed;
    held_size_ = 0;
    assembler_.release();
    decoding_.reset();
    return false;
}

Event Receiver::report_failure() const noexcept {
    return {EventKind::failed, Opcode::continuation, failure_code_, {held_->data(), failure_size_}};
}

void Receiver::feed(MutableBytes bytes) noexcept {
    release_reported();
    if (!is_draining()) input_.feed(bytes);
}

void Receiver::retain_input() {
    release_reported();
    if (!is_draining()) input_.retain();
}

Event Receiver::next_event() {
    release_reported();
    // Section 7.1.7: no further data is processed after the connection has failed. Section 1.4: everything after a
    // Close is ignored.
    if (is_draining()) {
        input_.clear();
        return {};
    }
    while (!input_.empty() || decoder_waits()) {
        if (phase_ == Phase::payload || read_header()) {
            const Event event = read_payload();
            if (event.kind != EventKind::need_data) return event;
        }
        if (has_failed()) return report_failure();
        if (decoder_waits()) break;
    }
    return {};
}

void Receiver::release_reported() noexcept {
    if (message_reported_) assembler_.release();
    message_reported_ = false;
    if (held_size_ == 0) held_.reset();
    input_.release_read();
}

bool Receiver::message_in_progress() const noexcept {
    if (is_draining()) return false;
    if (message_opcode_ != Opcode::continuation) return true;
    // Also true for the first octets of a message's first header.
    return phase_ == Phase::header && held_size_ > 0 && !is_control(static_cast<Opcode>((*held_)[0] & 0x0F));
}

std::uint64_t Receiver::expected_payload_bytes() const noexcept {
    return phase_ == Phase::payload && !is_control(frame_opcode_) ? payload_left_ : 0;
}

std::size_t Receiver::buffered_input_bytes() const noexcept {
    const std::size_t gathered = message_reported_ ? 0 : assembler_.size();
    return gathered + held_size_ + input_.retained_octets();
}

bool Receiver::read_header() {
    const MutableBytes available = input_.current();
    const std::size_t held_before = held_size_;
    Bytes octets = available;
    if (held_before > 0) {
        const std::size_t added = std::min(available.size(), max_frame_header_bytes - held_before);
        std::memcpy(held_->data() + held_before, available.data(), added);
        octets = {held_->data(), held_before + added};
    }
    FrameHeader header;
    std::size_t header_bytes = 0;
    if (!check_first_octet(octets[0])) return false;
    const HeaderStatus status = read_frame_header(octets, header, header_bytes);
    if (!check_header_status(status, octets)) return false;
    if (status == HeaderStatus::need_data) {
        // An incomplete header is shorter than the longest one, so all of `octets` fits.
        if (held_before == 0) std::memcpy(hold().data(), octets.data(), octets.size());
        held_size_ = static_cast<std::uint8_t>(octets.size());
        input_.advance(octets.size() - held_before);
        return false;
    }
    if (!check_size(header) || !check_fragments(header)) return false;
    input_.advance(header_bytes - held_before);
    held_size_ = 0;
    begin_frame(header);
    return true;
}

bool Receiver::check_first_octet(std::uint8_t octet) {
    const auto opcode = static_cast<Opcode>(octet & 0x0F);
    const auto rsv = static_cast<std::uint8_t>((octet >> 4) & 0x7);
    if (rsv != 0 && !check_rsv(rsv, opcode)) return false;
    const bool in_message = message_opcode_ != Opcode::continuation;
    // Section 5.4: a message is one data frame followed by continuations, and messages don't interleave.
    if (opcode == Opcode::continuation && !in_message) return fail(ErrorCode::continuation_without_message);
    if ((opcode == Opcode::text || opcode == Opcode::binary) && in_message)
        return fail(ErrorCode::message_within_message, {std::to_string(number(opcode))});
    return true;
}

// Section 5.2: a nonzero RSV bit that no extension defines fails the connection.
bool Receiver::check_rsv(std::uint8_t rsv, Opcode opcode) {
    if (!decoding_) return fail(ErrorCode::rsv_without_extension, {std::to_string(rsv)});
    const bool begins_message = opcode == Opcode::text || opcode == Opcode::binary;
    const std::uint8_t expected = decoding_->decoder->rsv_bits();
    if (begins_message && rsv == expected) return true;
    return fail(ErrorCode::wrong_rsv, {std::to_string(expected), std::to_string(rsv), std::to_string(number(opcode))});
}

bool Receiver::check_masked(bool masked) {
    // Section 5.1: a server closes the connection upon an unmasked frame, a client upon a masked one.
    if (masked == (role_ == Role::server)) return true;
    return fail(role_ == Role::server ? ErrorCode::unmasked_frame : ErrorCode::masked_frame);
}

// Checks in the order of the octets, so that the result does not depend on how the input is cut.
bool Receiver::check_header_status(HeaderStatus status, Bytes octets) {
    const unsigned opcode = octets[0] & 0x0FU;
    if (status == HeaderStatus::reserved_opcode) return fail(ErrorCode::reserved_opcode, {std::to_string(opcode)});
    if (status == HeaderStatus::fragmented_control)
        return fail(ErrorCode::fragmented_control, {std::to_string(opcode)});
    if (octets.size() >= 2 && !check_masked((octets[1] & 0x80) != 0)) return false;
    if (opcode == number(Opcode::close) && octets.size() >= 2 && (octets[1] & 0x7F) == 1) {
        // Section 5.5.1: the body, if any, begins with a 2-octet code.
        return fail(ErrorCode::close_of_one_octet);
    }
    switch (status) {
        case HeaderStatus::control_too_long:
            return fail(ErrorCode::control_too_long);
        case HeaderStatus::non_minimal_length:
            return fail(ErrorCode::long_form_of_length);
        case HeaderStatus::length_too_large:
            return fail(ErrorCode::length_too_large);
        default:
            return true;
    }
}

bool Receiver::check_size(const FrameHeader& header) {
    if (is_control(header.opcode)) return true;
    // No sum here can overflow: the gathered octets never exceed the limit.
    const std::uint64_t room = limits_.max_message_size_bytes - assembler_.size();
    if (header.payload_length <= room) return true;
    // For an encoded message the decoded octets count; check_decoded() checks them.
    if (message_encoded_ || header.rsv != 0) return true;
    return fail(ErrorCode::message_too_big, {std::to_string(limits_.max_message_size_bytes),
                                             std::to_string(header.payload_length), std::to_string(assembler_.size())});
}

bool Receiver::check_fragments(const FrameHeader& header) {
    const bool is_first = header.opcode != Opcode::continuation;
    // A message in one frame has no fragments (section 5.4).
    if (is_control(header.opcode) || (is_first && header.fin)) return true;
    const std::uint64_t count = (is_first ? 0 : std::uint64_t{fragments_}) + 1;
    const std::uint64_t empty = (is_first ? 0 : std::uint64_t{empty_fragments_}) + (header.payload_length == 0 ? 1 : 0);
    if (count > limits_.max_fragments)
        return fail(ErrorCode::too_many_fragments, {std::to_string(limits_.max_fragments)});
    if (empty > limits_.max_empty_fragments)
        return fail(ErrorCode::too_many_empty_fragments, {std::to_string(limits_.max_empty_fragments)});
    fragments_ = static_cast<std::uint32_t>(count);
    empty_fragments_ = static_cast<std::uint32_t>(empty);
    return true;
}

void Receiver::begin_frame(const FrameHeader& header) noexcept {
    frame_opcode_ = header.opcode;
    frame_fin_ = header.fin;
    masking_key_ = header.masking_key;
    mask_offset_ = 0;
    payload_left_ = header.payload_length;
    phase_ = Phase::payload;
    if (header.rsv != 0) message_encoded_ = true;
    if (header.opcode == Opcode::text || header.opcode == Opcode::binary) {
        message_opcode_ = header.opcode;
        utf8_.reset();
    }
}

// Returns the available part of the frame's payload, unmasked, and advances the input past it.
MutableBytes Receiver::take_payload() noexcept {
    const MutableBytes available = input_.current();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, available.size()));
    const MutableBytes piece = available.first(count);
    // Clients mask every frame (section 5.1); check_masked() has checked that.
    if (role_ == Role::server) base::apply_mask(piece, masking_key_, mask_offset_);
    mask_offset_ = static_cast<std::uint8_t>((mask_offset_ + count) % 4);
    payload_left_ -= count;
    input_.advance(count);
    return piece;
}

Event Receiver::read_data() {
    if (message_encoded_) [[unlikely]]
        return read_encoded();
    const Bytes piece = take_payload();
    const std::uint64_t piece_begin = assembler_.size();
    const bool ends_frame = payload_left_ == 0;
    const bool ends_message = ends_frame && frame_fin_;
    // The whole message is in the caller's buffer, so there is no need to gather.
    const bool in_one_piece = ends_message && piece_begin == 0;
    if (message_opcode_ == Opcode::text) {
        const bool valid =
            in_one_piece ? base::is_valid_utf8(piece) : utf8_.feed(piece) && (!ends_message || utf8_.is_complete());
        if (!valid) {
            fail_text(piece, piece_begin);
            return {};
        }
    }
    if (!in_one_piece)
        assembler_.append(piece,
                          frame_fin_ ? piece_begin + piece.size() + payload_left_ : limits_.max_message_size_bytes);
    if (ends_frame) phase_ = Phase::header;
    return ends_message ? report_message(in_one_piece ? piece : assembler_.bytes()) : Event{};
}

Event Receiver::report_message(Bytes payload) noexcept {
    const Event event{EventKind::message, message_opcode_, 0, payload};
    message_reported_ = true;
    message_opcode_ = Opcode::continuation;
    return event;
}

// Decodes into the thread's room as long as it lasts, and gathers only what has to wait there: a message that arrives
// whole and fits is reported as a view into the room.
Event Receiver::read_encoded() {
    Decoding& decoding = *decoding_;
    const MutableBytes room = decode_room();
    std::size_t filled = 0;
    decoding.waits = decoding.octets_left == 0;
    while (decoding.octets_left > 0) {
        const MutableBytes space = limit_room(room, filled);
        const bool is_end = decoding.has_all;
        const Decoded decoded = decode(space);
        if (!check_decoded(decoded.status, Bytes(space).first(decoded.written), assembler_.size() + filled)) return {};
        filled += decoded.written;
        const std::size_t used = decoded.written + (is_end ? 0 : decoded.taken * input_weight);
        decoding.octets_left -= std::min(decoding.octets_left, used);
        if (decoded.status == DecodeStatus::done) {
            if (is_end) return report_decoded(Bytes(room).first(filled));
            if (payload_left_ > 0 && input_.empty()) break;
            if (payload_left_ == 0 && !frame_fin_) {
                phase_ = Phase::header;
                break;
            }
            decoding.has_all = payload_left_ == 0;
        } else if (filled == room.size()) {
            assembler_.append(room, limits_.max_message_size_bytes);
            filled = 0;
        }
        decoding.waits = decoding.octets_left == 0;
    }
    if (filled > 0) assembler_.append(Bytes(room).first(filled), limits_.max_message_size_bytes);
    return {};
}

// Returns what a decoder may write next: at most one octet more than the message may have.
MutableBytes Receiver::limit_room(MutableBytes room, std::size_t filled) const noexcept {
    const std::uint64_t message_left = limits_.max_message_size_bytes - (assembler_.size() + filled);
    const std::size_t count = std::min(room.size() - filled, decoding_->octets_left);
    return room.subspan(filled, static_cast<std::size_t>(std::min<std::uint64_t>(count, message_left + 1)));
}

Decoded Receiver::decode(MutableBytes room) {
    MessageDecoder& decoder = *decoding_->decoder;
    if (decoding_->has_all) return decoder.finish(room);
    const Bytes payload = unmask_payload();
    const std::size_t share = decoding_->octets_left / input_weight + 1;
    const Decoded decoded = decoder.decode(payload.first(std::min(payload.size(), share)), room);
    advance_payload(decoded.taken);
    return decoded;
}

// Returns the available part of the frame's payload, unmasked, of which the decoder may take less.
Bytes Receiver::unmask_payload() noexcept {
    const MutableBytes available = input_.current();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, available.size()));
    const std::size_t unmasked = std::exchange(decoding_->unmasked, count);
    if (role_ == Role::server && count > unmasked)
        base::apply_mask(available.first(count).subspan(unmasked), masking_key_, (mask_offset_ + unmasked) % 4);
    return available.first(count);
}

void Receiver::advance_payload(std::size_t count) noexcept {
    mask_offset_ = static_cast<std::uint8_t>((mask_offset_ + count) % 4);
    payload_left_ -= count;
    decoding_->unmasked -= count;
    input_.advance(count);
}

// Checks what a decoder has written, as if octet by octet: the text up to the limit, then the limit, so that the result
// does not depend on how the input is cut.
bool Receiver::check_decoded(DecodeStatus status, Bytes piece, std::uint64_t piece_begin) {
    const std::uint64_t room = limits_.max_message_size_bytes - piece_begin;
    const Bytes fitting = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), room)));
    if (message_opcode_ == Opcode::text && !utf8_.feed(fitting)) return fail_text(fitting, piece_begin);
    if (fitting.size() < piece.size())
        return fail(ErrorCode::decoded_message_too_big, {std::to_string(limits_.max_message_size_bytes)});
    if (status == DecodeStatus::invalid)
        return fail(ErrorCode::bad_encoding, {std::to_string(piece_begin + piece.size())});
    return true;
}

Event Receiver::report_decoded(Bytes end_of_message) {
    const std::uint64_t size = assembler_.size() + end_of_message.size();
    if (message_opcode_ == Opcode::text && !utf8_.is_complete()) {
        fail_text({}, size);
        return {};
    }
    if (!assembler_.empty()) assembler_.append(end_of_message, size);
    decoding_->has_all = message_encoded_ = false;
    phase_ = Phase::header;
    return report_message(assembler_.empty() ? end_of_message : assembler_.bytes());
}

bool Receiver::fail_text(Bytes piece, std::uint64_t piece_begin) {
    // A message in one piece was validated without recording the position of the error.
    if (!utf8_.has_failed() && utf8_.accepted_octets() == piece_begin) static_cast<void>(utf8_.feed(piece));
    const std::uint64_t position = utf8_.accepted_octets();
    // Section 8.1: text that is not UTF-8 fails the connection; section 7.4.1 assigns 1007 to it.
    if (!utf8_.has_failed()) return fail(ErrorCode::text_ends_in_character, {std::to_string(position)});
    const std::uint8_t octet = piece[static_cast<std::size_t>(position - piece_begin)];
    return fail(ErrorCode::text_not_utf8, {hexadecimal(octet), std::to_string(position)});
}

Event Receiver::read_control() {
    const Bytes piece = take_payload();
    const bool whole = payload_left_ == 0;
    Bytes payload = piece;
    if (held_size_ > 0 || !whole) {
        if (!piece.empty()) std::memcpy(hold().data() + held_size_, piece.data(), piece.size());
        held_size_ = static_cast<std::uint8_t>(held_size_ + piece.size());
        payload = {hold().data(), held_size_};
    }
    if (frame_opcode_ == Opcode::close && !check_close(payload, whole)) return {};
    if (!whole) return {};
    phase_ = Phase::header;
    held_size_ = 0;  // the octets stay for the event's view
    return report_control(payload);
}

// Checks what has arrived of a Close's payload. It has at most 125 octets, so checking it again for each piece is
// cheap.
bool Receiver::check_close(Bytes payload, bool whole) {
    if (payload.size() < 2) return true;
    const unsigned code = unsigned{payload[0]} << 8 | payload[1];
    // Section 7.4: codes below 1000, reserved codes, and codes that are never on the wire are protocol errors.
    if (!is_sendable_close_code(code)) return fail(ErrorCode::bad_close_code, {std::to_string(code)});
    base::Utf8Validator reason;
    if (!reason.feed(payload.subspan(2))) {
        const auto position = static_cast<std::size_t>(reason.accepted_octets());
        return fail(ErrorCode::reason_not_utf8, {hexadecimal(payload[2 + position]), std::to_string(position)});
    }
    if (whole && !reason.is_complete())
        return fail(ErrorCode::reason_ends_in_character, {std::to_string(payload.size() - 2)});
    return true;
}

Event Receiver::report_control(Bytes payload) {
    if (frame_opcode_ == Opcode::close) return report_close(payload);
    return {frame_opcode_ == Opcode::ping ? EventKind::ping : EventKind::pong, frame_opcode_, 0, payload};
}

Event Receiver::report_close(Bytes payload) {
    phase_ = Phase::closed;
    decoding_.reset();
    assembler_.release();  // an unfinished message will never be complete
    // Section 7.1.5: a Close without a code.
    if (payload.empty()) return {EventKind::close, Opcode::close, close_code::no_status_received, {}};
    const auto code = static_cast<std::uint16_t>(payload[0] << 8 | payload[1]);
    return {EventKind::close, Opcode::close, code, payload.subspan(2)};
}

}  // namespace proapi::ws
