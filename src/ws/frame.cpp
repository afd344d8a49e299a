// The frame header of RFC 6455 section 5.2. Octets are checked in the order in which they arrive, so the first octet
// that breaks a rule determines the error, however the input is cut.
#include "ws/frame.hpp"

#include <algorithm>
#include <cstring>

namespace proapi::ws {
namespace {

constexpr std::uint8_t fin_bit = 0x80;
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::uint8_t length_16_bits = 126;
constexpr std::uint8_t length_64_bits = 127;

bool is_known(std::uint8_t opcode) noexcept {
    return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

std::size_t extended_length_octets(std::uint8_t short_length) noexcept {
    if (short_length == length_64_bits) return 8;
    return short_length == length_16_bits ? 2 : 0;
}

// Returns the error in the extended length, of which only the octets in `arrived` are known; `complete` if there is no
// error so far.
HeaderStatus judge_extended_length(base::Bytes arrived, std::size_t extended, std::uint64_t value) noexcept {
    if (extended == 2) {
        // Section 5.2: "the minimal number of bytes MUST be used to encode the length".
        return arrived.size() == 2 && value < 126 ? HeaderStatus::non_minimal_length : HeaderStatus::complete;
    }
    if (arrived.empty()) return HeaderStatus::complete;
    // Section 5.2: "the most significant bit MUST be 0".
    if ((arrived[0] & 0x80) != 0) return HeaderStatus::length_too_large;
    // Six leading zero octets leave less than 65536, whatever the last two are.
    const bool fits_16_bits = arrived.size() >= 6 && (value >> (8 * (arrived.size() - 6))) == 0;
    return fits_16_bits ? HeaderStatus::non_minimal_length : HeaderStatus::complete;
}

}  // namespace

HeaderStatus read_frame_header(base::Bytes bytes, FrameHeader& header, std::size_t& header_bytes) noexcept {
    if (bytes.empty()) return HeaderStatus::need_data;
    const std::uint8_t opcode = bytes[0] & 0x0F;
    if (!is_known(opcode)) return HeaderStatus::reserved_opcode;  // section 5.2, opcode
    const bool fin = (bytes[0] & fin_bit) != 0;
    const bool control = is_control(static_cast<Opcode>(opcode));
    if (control && !fin) return HeaderStatus::fragmented_control;  // section 5.5: MUST NOT be fragmented

    if (bytes.size() < 2) return HeaderStatus::need_data;
    const std::uint8_t short_length = bytes[1] & 0x7F;
    if (control && short_length > 125) return HeaderStatus::control_too_long;  // section 5.5: 125 bytes or less

    const std::size_t extended = extended_length_octets(short_length);
    std::uint64_t length = short_length;
    if (extended > 0) {
        const base::Bytes arrived = bytes.subspan(2, std::min(extended, bytes.size() - 2));
        length = 0;
        for (const std::uint8_t octet : arrived) length = length << 8 | octet;
        const HeaderStatus fault = judge_extended_length(arrived, extended, length);
        if (fault != HeaderStatus::complete) return fault;
    }

    const bool masked = (bytes[1] & mask_bit) != 0;
    const std::size_t total = 2 + extended + (masked ? 4 : 0);
    if (bytes.size() < total) return HeaderStatus::need_data;
    // Reserved ones were refused above, which the analyzer does not see.
    header.opcode = static_cast<Opcode>(opcode);  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange)
    header.fin = fin;
    header.rsv = static_cast<std::uint8_t>((bytes[0] >> 4) & 0x7);
    header.masked = masked;
    header.masking_key = {};
    if (masked) std::memcpy(header.masking_key.data(), bytes.data() + 2 + extended, 4);
    header.payload_length = length;
    header_bytes = total;
    return HeaderStatus::complete;
}

std::size_t write_frame_header(const FrameHeader& header, std::uint8_t* out) noexcept {
    const std::uint64_t length = header.payload_length;
    const std::uint8_t mask = header.masked ? mask_bit : 0;
    std::size_t written = 0;
    out[written++] = static_cast<std::uint8_t>((header.fin ? fin_bit : 0) | (header.rsv & 0x7) << 4 |
                                               static_cast<std::uint8_t>(header.opcode));
    if (length < 126) {
        out[written++] = static_cast<std::uint8_t>(mask | length);
    } else {
        const std::size_t extended = length < 65536 ? 2 : 8;
        out[written++] = mask | (extended == 2 ? length_16_bits : length_64_bits);
        for (std::size_t i = extended; i-- > 0;) out[written++] = static_cast<std::uint8_t>(length >> (8 * i));
    }
    if (header.masked) {
        std::memcpy(out + written, header.masking_key.data(), 4);
        written += 4;
    }
    return written;
}

}  // namespace proapi::ws
