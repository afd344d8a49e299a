// Reads and writes the frame header of RFC 6455 section 5.2; keeps no state beyond one header.
//
//   0               1               2               3
//  +-+-+-+-+-------+-+-------------+-------------------------------+
//  |F|R|R|R| opcode|M| payload len | extended payload length       |
//  |I|S|S|S|  (4)  |A|     (7)     | (16 when len=126, 64 when 127)|
//  |N|V|V|V|       |S|             |                               |
//  |1|2|3|         |K|             | masking key (32, if MASK)     |
//  +-+-+-+-+-------+-+-------------+-------------------------------+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace proapi::ws {

// A client masks its frames, a server does not (section 5.1).
enum class Role : std::uint8_t { server, client };

enum class Opcode : std::uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA };

[[nodiscard]] constexpr bool is_control(Opcode opcode) noexcept {
    return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

struct FrameHeader {
    Opcode opcode = Opcode::continuation;
    bool fin = true;
    std::uint8_t rsv = 0;  // RSV1 is bit 2, RSV3 bit 0
    bool masked = false;
    std::array<std::uint8_t, 4> masking_key{};
    std::uint64_t payload_length = 0;
};

inline constexpr std::size_t max_frame_header_bytes = 14;
inline constexpr std::size_t max_control_payload_bytes = 125;  // section 5.5

enum class HeaderStatus : std::uint8_t {
    complete,
    need_data,           // not an error: the header continues
    reserved_opcode,     // opcodes 3-7 and 11-15
    non_minimal_length,  // 126 for less than 126, 127 for less than 65536
    length_too_large,    // the most significant bit of a 64-bit length is set
    control_too_long,    // a control frame of more than 125 octets
    fragmented_control,  // a control frame without FIN
};

// Reads one header from the start of `bytes`. On `complete`, fills `header` and sets `header_bytes` to its length. An
// error is reported as soon as the octet that shows it has arrived, even if the header is incomplete. RSV bits and
// masking are returned but not checked: they depend on the role and on what was negotiated.
[[nodiscard]] HeaderStatus read_frame_header(base::Bytes bytes, FrameHeader& header,
                                             std::size_t& header_bytes) noexcept;

// Writes the header in its minimal form; `out` has room for max_frame_header_bytes. Returns the number of octets
// written.
std::size_t write_frame_header(const FrameHeader& header, std::uint8_t* out) noexcept;

}  // namespace proapi::ws
