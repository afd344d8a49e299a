// The Connection's surface and its sending half: one frame a message, minimal lengths, a client's masked with a fresh
// key (RFC 6455 sections 5.1-5.3), one Close and nothing after it (section 5.5.1). Receiving is receiver.cpp.
#include "ws/connection.hpp"

#include <cassert>
#include <cstring>

#include "base/mask.hpp"
#include "ws/connection_state.hpp"

namespace proapi::ws {

Connection::Connection(Role role, const ConnectionLimits& limits, MaskingKeySource masking_keys)
    : state_(std::make_unique<State>(role, limits, masking_keys, output_)) {
    assert((role == Role::server || masking_keys != nullptr) && "a client needs a source of masking keys");
}

Connection::~Connection() = default;

void Connection::feed(base::MutableBytes bytes) noexcept {
    state_->release_told();
    if (!state_->is_draining()) state_->input.feed(bytes);
}

Event Connection::next_event() {
    return state_->next_event();
}

void Connection::retain_input() {
    state_->release_told();
    if (!state_->is_draining()) state_->input.retain();
}

bool Connection::has_input() const noexcept {
    return !state_->is_draining() && !state_->input.empty();
}

void Connection::send_message(Opcode opcode, base::Bytes payload) {
    state_->send_frame(opcode, payload);
}
void Connection::send_ping(base::Bytes payload) {
    state_->send_frame(Opcode::ping, payload);
}
void Connection::send_pong(base::Bytes payload) {
    state_->send_frame(Opcode::pong, payload);
}
void Connection::send_close(std::uint16_t code, std::string_view reason) {
    state_->send_close(code, base::as_bytes(reason));
}

std::size_t Connection::write_message_head(Opcode opcode, std::size_t payload_bytes,
                                           std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept {
    if (state_->close_sent) return 0;
    FrameHeader header;
    header.opcode = opcode;
    header.payload_length = payload_bytes;
    return write_frame_header(header, head.data());
}

std::uint64_t Connection::expected_payload_bytes() const noexcept {
    return state_->in_payload && !is_control(state_->frame_opcode) ? state_->payload_left : 0;
}

bool Connection::close_sent() const noexcept {
    return state_->close_sent;
}
bool Connection::close_received() const noexcept {
    return state_->close_received;
}
bool Connection::has_failed() const noexcept {
    return state_->failed;
}
bool Connection::message_in_progress() const noexcept {
    return state_->message_in_progress();
}

std::size_t Connection::buffered_input_bytes() const noexcept {
    const std::size_t gathered = state_->message_told ? 0 : state_->assembler.size();
    return gathered + state_->held_size + state_->input.retained_octets();
}

void Connection::State::send_frame(Opcode opcode, base::Bytes payload) {
    // Section 5.5.1: "The application MUST NOT send any more data frames after sending a Close frame"; nor do pongs go.
    if (close_sent) return;
    FrameHeader header;
    header.opcode = opcode;
    header.payload_length = payload.size();
    // Section 5.1: a client masks every frame, a server none.
    header.masked = role == Role::client;
    if (header.masked) {
        const std::uint32_t key = masking_keys();
        for (std::size_t i = 0; i < 4; ++i) header.masking_key[i] = static_cast<std::uint8_t>(key >> (24 - 8 * i));
    }
    std::array<std::uint8_t, max_frame_header_bytes> head;
    const std::size_t head_size = write_frame_header(header, head.data());
    std::uint8_t* room = output.append_uninitialized(head_size + payload.size());
    std::memcpy(room, head.data(), head_size);
    if (payload.empty()) return;
    std::memcpy(room + head_size, payload.data(), payload.size());
    if (header.masked) base::apply_mask({room + head_size, payload.size()}, header.masking_key, 0);
}

void Connection::State::send_close(std::uint16_t code, base::Bytes reason) {
    if (close_sent) return;
    // Section 5.5.1: a code of two octets in network order, then the reason; or nothing at all.
    std::array<std::uint8_t, max_control_payload_bytes> payload;
    std::size_t size = 0;
    if (code != close_code::no_status_received) {
        payload[0] = static_cast<std::uint8_t>(code >> 8);
        payload[1] = static_cast<std::uint8_t>(code & 0xFF);
        const std::size_t reason_size = std::min(reason.size(), max_close_reason_bytes);
        if (reason_size > 0) std::memcpy(payload.data() + 2, reason.data(), reason_size);
        size = 2 + reason_size;
    }
    send_frame(Opcode::close, {payload.data(), size});
    close_sent = true;
}

base::Slice frame_message(Opcode opcode, base::Bytes payload) {
    FrameHeader header;
    header.opcode = opcode;
    header.payload_length = payload.size();
    std::array<std::uint8_t, max_frame_header_bytes> head;
    const std::size_t head_size = write_frame_header(header, head.data());
    const std::size_t size = head_size + payload.size();
    auto block = std::make_shared_for_overwrite<std::uint8_t[]>(size);
    std::memcpy(block.get(), head.data(), head_size);
    if (!payload.empty()) std::memcpy(block.get() + head_size, payload.data(), payload.size());
    const base::Bytes view{block.get(), size};
    return base::Slice{std::move(block), view};
}

}  // namespace proapi::ws
