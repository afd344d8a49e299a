// The forms of a message: a view, a queued message that owns its octets, and a message that many connections send.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "ws/shared_frame.hpp"

namespace proapi::service {

enum class MessageKind : std::uint8_t { text, binary };

struct MessageView {
    MessageKind kind;
    base::Bytes payload;
};

struct Message {
    MessageKind kind = MessageKind::text;
    std::string data;
    [[nodiscard]] MessageView view() const noexcept { return {kind, base::as_bytes(data)}; }
};

// A message that many connections send. Text is valid UTF-8. One thread at a time; a copy shares the octets.
class SharedMessage {
public:
    // Copies `payload`. Throws std::bad_alloc.
    SharedMessage(MessageKind kind, base::Bytes payload)
        : frame_(kind == MessageKind::text ? ws::Opcode::text : ws::Opcode::binary, payload) {}

    // For transports that write frames themselves.
    [[nodiscard]] ws::SharedFrame& frame() noexcept { return frame_; }
    // For other transports. The view lives as long as the message.
    [[nodiscard]] MessageView view() const noexcept {
        return {frame_.opcode() == ws::Opcode::text ? MessageKind::text : MessageKind::binary, frame_.payload()};
    }

private:
    ws::SharedFrame frame_;
};

}  // namespace proapi::service
