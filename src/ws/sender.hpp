// The sending half of an RFC 6455 connection: messages, control frames and the Close become octets of an output queue.
// Lengths are minimal, a client masks each frame with a fresh key, a server none (sections 5.1-5.3), and nothing
// follows a Close (section 5.5.1). Must not know what was received, sockets or time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/output_queue.hpp"
#include "ws/close_code.hpp"
#include "ws/extension.hpp"
#include "ws/frame.hpp"

namespace proapi::ws {

// Where a client's masking keys come from, the first octet in the highest bits (RFC 6455 section 5.3: unpredictable).
using MaskingKeySource = std::uint32_t (*)();

class Sender {
public:
    // A client must have a source of keys; a server never calls it.
    Sender(Role role, MaskingKeySource masking_keys) noexcept;

    // Messages go through `encoder` from now on. To be called before the first one is sent.
    void use(std::unique_ptr<MessageEncoder> encoder) noexcept { encoder_ = std::move(encoder); }
    [[nodiscard]] bool has_encoder() const noexcept { return encoder_ != nullptr; }

    // Each puts one frame into output(); nothing once a Close has been sent. Throws std::bad_alloc, and then has sent
    // nothing.
    void send_message(Opcode opcode, base::Bytes payload) {
        if (encoder_) [[unlikely]]
            return send_encoded(opcode, payload);
        send_frame(opcode, payload, 0);
    }
    void send_control(Opcode opcode, base::Bytes payload) { send_frame(opcode, payload, 0); }  // at most 125 octets
    // The same for a server, of a frame that frame_message() has made: a large one is shared, not copied. No encoder
    // changes it, as its RSV bits say.
    void send_framed(const base::Slice& frame);
    // The caller has checked code and reason (is_sendable_close_code, max_close_reason_bytes); code 1005 sends an
    // empty Close. A second call does nothing.
    void send_close(std::uint16_t code, base::Bytes reason);

    // The head of a message's frame, for a server without an encoder that sends head and payload by itself. Returns the
    // octets written; 0: a Close has been sent, so nothing may follow.
    [[nodiscard]] std::size_t write_message_head(Opcode opcode, std::size_t payload_bytes,
                                                 std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept;

    [[nodiscard]] bool close_sent() const noexcept { return close_sent_; }
    // What is to be written to the peer, in order.
    [[nodiscard]] base::OutputQueue& output() noexcept { return output_; }
    [[nodiscard]] const base::OutputQueue& output() const noexcept { return output_; }

private:
    void send_frame(Opcode opcode, base::Bytes payload, std::uint8_t rsv);
    void send_encoded(Opcode opcode, base::Bytes message);

    base::OutputQueue output_;
    std::unique_ptr<MessageEncoder> encoder_;  // null: no extension was agreed on
    MaskingKeySource masking_keys_;
    Role role_;
    bool close_sent_ = false;
};

// Frames one message for every connection that a server sends it to: one unmasked frame (RFC 6455 section 5.6).
[[nodiscard]] base::Slice frame_message(Opcode opcode, base::Bytes payload);

}  // namespace proapi::ws
