// Checks headers in the order of their octets, unmasks payloads in place, checks text at every octet (section 8.1), and
// handles the Close (section 7). A whole message in one whole frame is reported as a view into the octets fed, with no
// copy and no allocation.
#include "ws/receiver.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/mask.hpp"

namespace proapi::ws {
namespace {

using base::Bytes;
using base::MutableBytes;

// How much a decoder may write at once; the limit on a message is checked after each step.
constexpr std::size_t decode_room_bytes = 4096;

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
    decoder_.reset();
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
    while (!input_.empty()) {
        if (phase_ == Phase::payload || read_header()) {
            const Event event = read_payload();
            if (event.kind != EventKind::need_data) return event;
        }
        if (has_failed()) return report_failure();
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
    if (!decoder_) return fail(ErrorCode::rsv_without_extension, {std::to_string(rsv)});
    const bool begins_message = opcode == Opcode::text || opcode == Opcode::binary;
    if (begins_message && rsv == decoder_->rsv_bits()) return true;
    return fail(ErrorCode::wrong_rsv,
                {std::to_string(decoder_->rsv_bits()), std::to_string(rsv), std::to_string(number(opcode))});
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
    // For an encoded message the decoded octets count; gather_decoded() checks them.
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
    const Bytes piece = take_payload();
    if (message_encoded_) [[unlikely]]
        return read_encoded(piece);
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

Event Receiver::read_encoded(Bytes piece) {
    const bool ends_frame = payload_left_ == 0;
    const bool ends_message = ends_frame && frame_fin_;
    if (!decode(piece) || (ends_message && !finish_decoding())) return {};
    if (ends_frame) phase_ = Phase::header;
    if (!ends_message) return {};
    message_encoded_ = false;
    return report_message(assembler_.bytes());
}

bool Receiver::decode(Bytes payload) {
    std::array<std::uint8_t, decode_room_bytes> room;
    Decoded decoded{DecodeStatus::need_room};
    while (decoded.status == DecodeStatus::need_room) {
        decoded = decoder_->decode(payload, room);
        if (!gather_decoded(decoded.status, Bytes(room).first(decoded.written))) return false;
        payload = payload.subspan(decoded.taken);
    }
    return true;
}

bool Receiver::finish_decoding() {
    std::array<std::uint8_t, decode_room_bytes> room;
    Decoded decoded{DecodeStatus::need_room};
    while (decoded.status == DecodeStatus::need_room) {
        decoded = decoder_->finish(room);
        if (!gather_decoded(decoded.status, Bytes(room).first(decoded.written))) return false;
    }
    if (message_opcode_ != Opcode::text || utf8_.is_complete()) return true;
    return fail_text({}, assembler_.size());
}

// Takes what a decoder has written, as if octet by octet: checks the text up to the limit, then the limit, so that the
// result does not depend on how the input is cut.
bool Receiver::gather_decoded(DecodeStatus status, Bytes piece) {
    const std::uint64_t gathered = assembler_.size();
    const std::uint64_t room = limits_.max_message_size_bytes - gathered;
    const Bytes fitting = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), room)));
    if (message_opcode_ == Opcode::text && !utf8_.feed(fitting)) return fail_text(fitting, gathered);
    if (fitting.size() < piece.size())
        return fail(ErrorCode::decoded_message_too_big, {std::to_string(limits_.max_message_size_bytes)});
    if (status == DecodeStatus::invalid)
        return fail(ErrorCode::bad_encoding, {std::to_string(gathered + piece.size())});
    assembler_.append(piece, limits_.max_message_size_bytes);
    return true;
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
    decoder_.reset();
    assembler_.release();  // an unfinished message will never be complete
    // Section 7.1.5: a Close without a code.
    if (payload.empty()) return {EventKind::close, Opcode::close, close_code::no_status_received, {}};
    const auto code = static_cast<std::uint16_t>(payload[0] << 8 | payload[1]);
    return {EventKind::close, Opcode::close, code, payload.subspan(2)};
}

}  // namespace proapi::ws
