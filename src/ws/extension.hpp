// Extensions of the protocol (RFC 6455 section 9): how one is agreed upon in the handshake, and what it then does with
// the payloads of messages. At most one is in use on a connection. permessage-deflate (RFC 7692) is of this kind: it
// marks the messages that it has changed with an RSV bit of their first frame, and leaves all other frames alone.
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

// RSV bits, as FrameHeader::rsv has them.
inline constexpr std::uint8_t rsv1 = 4, rsv2 = 2, rsv3 = 1;

// How far a call of a MessageDecoder has come.
enum class DecodeStatus : std::uint8_t {
    done,       // all octets given are taken, and everything they stand for has been written
    need_room,  // the room is full and there is more to write: to be called again, with the octets that were not taken
    invalid,    // the peer has sent what no encoder makes; the decoder is not used again
};

struct Decoded {
    DecodeStatus status = DecodeStatus::done;
    std::size_t taken = 0;    // octets of the payload
    std::size_t written = 0;  // octets of the room
};

// Incoming: makes a message's octets of its payload, which arrives in pieces of any size. What it writes is bounded by
// the room that it is given, so that its caller can stop at a limit, whatever a few octets stand for.
class MessageDecoder {
public:
    virtual ~MessageDecoder() = default;
    // The bits that mark a message as encoded, on its first frame: all of them or none. Not 0; the same at every call.
    [[nodiscard]] virtual std::uint8_t rsv_bits() const noexcept = 0;
    // The next octets of the payload of the message. `room` is not empty. Throws std::bad_alloc.
    [[nodiscard]] virtual Decoded decode(base::Bytes payload, base::MutableBytes room) = 0;
    // All of the payload has been given: writes what is still to come, called until `done`. The next octets are those
    // of another message.
    [[nodiscard]] virtual Decoded finish(base::MutableBytes room) = 0;
};

struct EncodedMessage {
    std::vector<std::uint8_t> payload;
    std::uint8_t rsv_bits = 0;  // what the peer's decoder has as rsv_bits()
};

// Outgoing: makes a payload of a message.
class MessageEncoder {
public:
    virtual ~MessageEncoder() = default;
    // Nothing: the message goes as it is, without RSV bits. Throws std::bad_alloc; no message is encoded afterwards.
    [[nodiscard]] virtual std::optional<EncodedMessage> encode(Opcode opcode, base::Bytes message) = 0;
};

// "name" or "name=value" behind an extension's name; the value without quotes and escapes, which makes a token of it.
struct ExtensionParameter {
    std::string_view name;
    std::optional<std::string> value;
    friend bool operator==(const ExtensionParameter&, const ExtensionParameter&) = default;
};

// What an endpoint can do; one object serves any number of connections.
class Extension {
public:
    // What both ends have agreed on for one connection. A direction without an object carries messages as they are.
    struct Agreement {
        std::string answer;  // the server's field Sec-WebSocket-Extensions: "name; a; b=c"
        std::unique_ptr<MessageEncoder> encoder;
        std::unique_ptr<MessageDecoder> decoder;
    };

    virtual ~Extension() = default;
    // A token, registered with IANA or private.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    // Client: its field Sec-WebSocket-Extensions: "name; a; b=c", or several such offers, the best one first.
    [[nodiscard]] virtual std::string offer() const = 0;
    // Server: nothing declines this offer; the client's next one, if any, is asked for then.
    [[nodiscard]] virtual std::optional<Agreement> accept(std::span<const ExtensionParameter> offered) const = 0;
    // Client: of the answer to offer(). Nothing: the answer is none that the offer allows, and the connection fails.
    [[nodiscard]] virtual std::optional<Agreement> confirm(std::span<const ExtensionParameter> answered) const = 0;
};

// One element of Sec-WebSocket-Extensions.
struct ListedExtension {
    std::string_view name;
    std::vector<ExtensionParameter> parameters;
};

// The elements of all fields of that name, in their order; views into `values`. Nothing where one of them breaks the
// grammar of RFC 6455 section 9.1, which ends the handshake.
[[nodiscard]] std::optional<std::vector<ListedExtension>> parse_extensions(std::span<const std::string_view> values);

}  // namespace proapi::ws
