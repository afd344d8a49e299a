// The sending half of an RFC 6455 connection: messages, control frames and the Close become octets in an output queue.
// Lengths are minimal, a client masks each frame with a new key, a server masks none (sections 5.1-5.3), and nothing
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
#include "ws/shared_frame.hpp"

namespace proapi::ws {

// The source of a client's masking keys, the first octet in the highest bits (RFC 6455 section 5.3: unpredictable).
using MaskingKeySource = std::uint32_t (*)();

// Whether a message passes through the encoder of the negotiated extension, if there is one.
enum class Encoding : std::uint8_t { negotiated, none };

class Sender {
public:
    // A client must pass a source of keys; a server never uses it.
    Sender(Role role, MaskingKeySource masking_keys) noexcept;

    // Passes messages through `encoder` from now on. Call it before the first one is sent.
    void use(std::unique_ptr<MessageEncoder> encoder) noexcept { encoder_ = std::move(encoder); }
    // Whether a message of that size may be sent changed.
    [[nodiscard]] bool encodes(std::size_t message_bytes) const noexcept {
        return encoder_ && encoder_->takes(message_bytes);
    }

    // Each appends one frame to output(), or nothing once a Close has been sent. If it throws std::bad_alloc, it has
    // sent nothing.
    void send_message(Opcode opcode, base::Bytes payload, Encoding encoding = Encoding::negotiated) {
        if (encoder_ && encoding == Encoding::negotiated) [[unlikely]]
            return send_encoded(opcode, payload);
        send_frame(opcode, payload, 0);
    }
    void send_control(Opcode opcode, base::Bytes payload) { send_frame(opcode, payload, 0); }  // at most 125 octets
    // Server only: appends a frame that other connections send too; the octets of a large one are shared, not copied.
    void send_shared(SharedFrame& frame);
    // The caller has checked the code and the reason (is_sendable_close_code, max_close_reason_bytes). Code 1005 sends
    // an empty Close. A second call does nothing.
    void send_close(std::uint16_t code, base::Bytes reason);

    // Writes the head of a frame for a message that no encoder sees, for a server that sends head and payload itself.
    // Returns the number of octets written, or 0 if a Close has been sent and nothing may follow.
    [[nodiscard]] std::size_t write_message_head(Opcode opcode, std::size_t payload_bytes,
                                                 std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept;

    [[nodiscard]] bool close_sent() const noexcept { return close_sent_; }
    // The octets to write to the peer, in order.
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

}  // namespace proapi::ws
