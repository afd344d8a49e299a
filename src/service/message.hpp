// A message in the forms that it has: as a view, as octets of its own in a queue, and as one that many connections
// send.
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

// Framed once for all who send it: connections of any thread share its octets, which never change. Text is valid UTF-8.
class SharedMessage {
public:
    // Copies `payload`. Throws std::bad_alloc.
    SharedMessage(MessageKind kind, base::Bytes payload);

    // The frame that a server sends (RFC 6455 section 5.6), for a transport that writes frames by itself.
    [[nodiscard]] const base::Slice& frame() const noexcept { return frame_; }
    // What is in it, for any other. The view lives as long as a copy of frame().
    [[nodiscard]] MessageView view() const noexcept { return {kind_, frame_.bytes().last(payload_bytes_)}; }

private:
    base::Slice frame_;
    std::size_t payload_bytes_;
    MessageKind kind_;
};

}  // namespace proapi::service
