// One frame per message, control frame or Close; the header documents the rules.
#include "ws/sender.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "base/mask.hpp"

namespace proapi::ws {

Sender::Sender(Role role, MaskingKeySource masking_keys) noexcept : masking_keys_(masking_keys), role_(role) {
    assert((role == Role::server || masking_keys != nullptr) && "a client needs a source of masking keys");
}

void Sender::send_frame(Opcode opcode, base::Bytes payload, std::uint8_t rsv) {
    // Section 5.5.1: "The application MUST NOT send any more data frames after sending a Close frame". Nor are pongs
    // sent.
    if (close_sent_) return;
    FrameHeader header;
    header.opcode = opcode;
    header.rsv = rsv;
    header.payload_length = payload.size();
    // Section 5.1: a client masks every frame, a server none.
    header.masked = role_ == Role::client;
    if (header.masked) {
        const std::uint32_t key = masking_keys_();
        for (std::size_t i = 0; i < 4; ++i) header.masking_key[i] = static_cast<std::uint8_t>(key >> (24 - 8 * i));
    }
    std::array<std::uint8_t, max_frame_header_bytes> head;
    const std::size_t head_size = write_frame_header(header, head.data());
    std::uint8_t* room = output_.append_uninitialized(head_size + payload.size());
    std::memcpy(room, head.data(), head_size);
    if (payload.empty()) return;
    std::memcpy(room + head_size, payload.data(), payload.size());
    if (header.masked) base::apply_mask({room + head_size, payload.size()}, header.masking_key, 0);
}

void Sender::send_encoded(Opcode opcode, base::Bytes message) {
    if (close_sent_) return;
    // If memory runs out, the encoder is not put back: the peer's decoder knows nothing of this message, so later
    // messages are sent without encoding.
    std::unique_ptr<MessageEncoder> encoder = std::move(encoder_);
    if (const auto encoded = encoder->encode(opcode, message)) {
        send_frame(opcode, encoded->payload, encoded->rsv_bits);
    } else {
        send_frame(opcode, message, 0);
    }
    encoder_ = std::move(encoder);
}

void Sender::send_shared(SharedFrame& frame) {
    assert(role_ == Role::server && "a client masks each frame with a key of its own");
    if (close_sent_) return;
    if (!encoder_) return output_.append(frame.plain());
    if (encoder_->variant() != 0) return output_.append(frame.encoded(*encoder_));
    send_encoded(frame.opcode(), frame.payload());
}

void Sender::send_close(std::uint16_t code, base::Bytes reason) {
    if (close_sent_) return;
    // Section 5.5.1: a code of two octets in network order, then the reason; or an empty payload.
    std::array<std::uint8_t, max_control_payload_bytes> payload;
    std::size_t size = 0;
    if (code != close_code::no_status_received) {
        payload[0] = static_cast<std::uint8_t>(code >> 8);
        payload[1] = static_cast<std::uint8_t>(code & 0xFF);
        const std::size_t reason_size = std::min(reason.size(), max_close_reason_bytes);
        if (reason_size > 0) std::memcpy(payload.data() + 2, reason.data(), reason_size);
        size = 2 + reason_size;
    }
    send_frame(Opcode::close, {payload.data(), size}, 0);
    close_sent_ = true;
}

std::size_t Sender::write_message_head(Opcode opcode, std::size_t payload_bytes,
                                       std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept {
    if (close_sent_) return 0;
    FrameHeader header;
    header.opcode = opcode;
    header.payload_length = payload_bytes;
    return write_frame_header(header, head.data());
}

}  // namespace proapi::ws
