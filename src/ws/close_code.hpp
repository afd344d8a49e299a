// Close status codes: which exist, and which an endpoint may send or receive (RFC 6455 section 7.4, IANA's WebSocket
// Close Code registry).
#pragma once

#include <cstddef>
#include <cstdint>

namespace proapi::ws {

namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t no_status_received = 1005;  // never on the wire: the peer's Close frame was empty
inline constexpr std::uint16_t abnormal_closure = 1006;    // never on the wire: the connection ended without a Close
inline constexpr std::uint16_t invalid_payload = 1007;
inline constexpr std::uint16_t policy_violation = 1008;
inline constexpr std::uint16_t message_too_big = 1009;
inline constexpr std::uint16_t internal_error = 1011;
}  // namespace close_code

// Whether a Close frame may carry `code`: 1000-1003, 1007-1014, 3000-4999 (RFC 6455 section 7.4.2).
[[nodiscard]] constexpr bool is_sendable_close_code(std::uint32_t code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

// A Close frame holds at most 125 octets, two of them the code (RFC 6455 section 5.5).
inline constexpr std::size_t max_close_reason_bytes = 123;

}  // namespace proapi::ws
