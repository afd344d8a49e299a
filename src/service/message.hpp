// The forms of a message: a view, a queued message that owns its octets, and a message that many connections send.
#pragma once

#include <cstdint>
#include <string>

#include "base/slice.hpp"

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

// Framed once for all connections that send it. Connections of any thread share its octets, which never change. Text is
// valid UTF-8.
class SharedMessage {
public:
    // Copies `payload`. Throws std::bad_alloc.
    SharedMessage(MessageKind kind, base::Bytes payload);

    // The frame as a server sends it (RFC 6455 section 5.6), for transports that write frames themselves.
    [[nodiscard]] const base::Slice& frame() const noexcept { return frame_; }
    // The message itself, for other transports. The view lives as long as a copy of frame().
    [[nodiscard]] MessageView view() const noexcept { return {kind_, frame_.bytes().last(payload_bytes_)}; }

private:
    base::Slice frame_;
    std::size_t payload_bytes_;
    MessageKind kind_;
};

}  // namespace proapi::service
