// Extensions of the protocol (RFC 6455 section 9): how the handshake agrees on one, and what it does with the payloads
// of messages. A connection uses at most one. permessage-deflate (RFC 7692) is an extension of this kind: it marks the
// messages that it has changed with an RSV bit on their first frame, and leaves all other frames alone.
//
//   outgoing: message --MessageEncoder--> payload --Sender--> one frame with RSV bits
//   incoming: frames --Receiver, unmasked--> payload --MessageDecoder--> UTF-8, max_message_size, Assembler --> message
//
// Must not know frames, limits, sockets or time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "ws/frame.hpp"

namespace proapi::ws {

// RSV bits as in FrameHeader::rsv.
inline constexpr std::uint8_t rsv1 = 4, rsv2 = 2, rsv3 = 1;

// The result of one call of a MessageDecoder.
enum class DecodeStatus : std::uint8_t {
    done,       // all given octets are taken, and everything that they encode has been written
    need_room,  // the room is full and there is more to write: call again with the octets that were not taken
    invalid,    // the peer has sent what no encoder produces; the decoder is not used again
};

struct Decoded {
    DecodeStatus status = DecodeStatus::done;
    std::size_t taken = 0;    // octets of the payload
    std::size_t written = 0;  // octets of the room
};

// Incoming: decodes a message from its payload, which arrives in pieces of any size. The output of a call is bounded by
// the room that it is given, so the caller can stop at a limit, however much a few octets expand to.
class MessageDecoder {
public:
    virtual ~MessageDecoder() = default;
    // The RSV bits that mark a message as encoded, on its first frame: all of them or none. Not 0; the same at every
    // call.
    [[nodiscard]] virtual std::uint8_t rsv_bits() const noexcept = 0;
    // Decodes the next octets of the message's payload. `room` is not empty. Throws std::bad_alloc.
    [[nodiscard]] virtual Decoded decode(base::Bytes payload, base::MutableBytes room) = 0;
    // The payload is complete: writes the remaining output. Called until it returns `done`. The next octets belong to
    // another message.
    [[nodiscard]] virtual Decoded finish(base::MutableBytes room) = 0;
};

struct EncodedMessage {
    base::Bytes payload;        // valid until the thread's next call of an encoder
    std::uint8_t rsv_bits = 0;  // equal to rsv_bits() of the peer's decoder
};

// Outgoing: encodes a message into a payload.
class MessageEncoder {
public:
    virtual ~MessageEncoder() = default;
    // Returns nullopt to send the message unchanged, without RSV bits. Not called for every message: the application
    // may send one unchanged. Throws std::bad_alloc; the connection then encodes no more messages.
    [[nodiscard]] virtual std::optional<EncodedMessage> encode(Opcode opcode, base::Bytes message) = 0;
    // Whether encode() may change a message of that size.
    [[nodiscard]] virtual bool takes(std::size_t message_bytes) const noexcept {
        static_cast<void>(message_bytes);
        return true;
    }
    // Encoders of one extension with the same variant encode a message alike, whatever they have encoded before. 0:
    // this one depends on earlier messages.
    [[nodiscard]] virtual std::uint64_t variant() const noexcept { return 0; }
};

// "name" or "name=value" after an extension's name. The value has no quotes and escapes, and is a token.
struct ExtensionParameter {
    std::string_view name;
    std::optional<std::string> value;
    friend bool operator==(const ExtensionParameter&, const ExtensionParameter&) = default;
};

// What an endpoint supports; one object serves any number of connections.
class Extension {
public:
    // What both ends have agreed on for one connection. A direction without an object carries messages unchanged.
    struct Agreement {
        std::string answer;  // the server's Sec-WebSocket-Extensions field: "name; a; b=c"
        std::unique_ptr<MessageEncoder> encoder;
        std::unique_ptr<MessageDecoder> decoder;
    };

    virtual ~Extension() = default;
    // A token, registered with IANA or private.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    // Client: returns its Sec-WebSocket-Extensions field: "name; a; b=c", or several such offers, the best one first.
    [[nodiscard]] virtual std::string offer() const = 0;
    // Server: returns nullopt to decline this offer; it is then asked about the client's next one, if any.
    [[nodiscard]] virtual std::optional<Agreement> accept(std::span<const ExtensionParameter> offered) const = 0;
    // Client: checks the answer to offer(). Returns nullopt if the offer does not allow the answer; the connection
    // fails.
    [[nodiscard]] virtual std::optional<Agreement> confirm(std::span<const ExtensionParameter> answered) const = 0;
};

// One element of Sec-WebSocket-Extensions.
struct ListedExtension {
    std::string_view name;
    std::vector<ExtensionParameter> parameters;
};

// Returns the elements of all fields of that name, in order; views into `values`. Returns nullopt if an element breaks
// the grammar of RFC 6455 section 9.1; the handshake then fails.
[[nodiscard]] std::optional<std::vector<ListedExtension>> parse_extensions(std::span<const std::string_view> values);

}  // namespace proapi::ws
