// Parses the header with which a proxy begins a connection to say whose octets follow: "The PROXY protocol", versions 1
// and 2, by HAProxy Technologies. Sans-I/O: it sees octets only, and keeps nothing between two calls.
//
//   version 1   one line:  PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n     at most 107 octets
//               or         PROXY UNKNOWN ...\r\n
//   version 2   | signature, 12 octets | version, command | family, protocol | length, 2 octets | addresses | TLVs |
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace proapi::net {

struct ProxyHeader {
    std::size_t size_bytes = 0;  // of the header; what follows belongs to the connection
    // The proxy has opened the connection by itself, for example to check whether the server is alive (LOCAL).
    bool is_local = false;
    // The two ends of the connection that the proxy passes on; nullopt if it is local, if the proxy does not know them
    // (UNKNOWN, UNSPEC), or if they are Unix sockets.
    std::optional<base::Address> source, destination;
};

enum class ProxyHeaderError : std::uint8_t {
    none,
    not_a_header,   // the first octets of neither version
    line_too_long,  // version 1
    bad_line,       // version 1: the grammar, an address or a port
    bad_version,    // version 2
    bad_command,
    bad_family,
    too_short,  // the addresses of the family need more octets
    too_long,   // beyond max_proxy_header_bytes
};
// One line, to follow "expected a PROXY header, got ".
[[nodiscard]] std::string_view describe(ProxyHeaderError error) noexcept;

// TLVs make a header of version 2 longer than its addresses. HAProxy's own take a few hundred octets.
inline constexpr std::size_t max_proxy_header_bytes = 4096;

struct ProxyHeaderResult {
    enum class State : std::uint8_t { need_data, complete, failed } state = State::need_data;
    ProxyHeaderError error = ProxyHeaderError::none;  // if failed
    ProxyHeader header;                               // if complete
};

// `received`: all octets of the connection so far. The result of a header, or of an error, does not depend on how many
// octets follow. Never needs more than max_proxy_header_bytes. TLVs are skipped; a checksum among them is not verified.
[[nodiscard]] ProxyHeaderResult parse_proxy_header(base::Bytes received);

}  // namespace proapi::net
