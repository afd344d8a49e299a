#include "net/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/ip_address.hpp"

namespace proapi::net {

namespace {

using State = ProxyHeaderResult::State;

[[nodiscard]] ProxyHeaderResult failed(ProxyHeaderError error) {
    return {.state = State::failed, .error = error, .header = {}};
}

[[nodiscard]] ProxyHeaderResult complete(ProxyHeader header) {
    return {.state = State::complete, .error = ProxyHeaderError::none, .header = std::move(header)};
}

// Whether `text` is the beginning of `whole`, or begins with it.
[[nodiscard]] bool agrees(std::string_view text, std::string_view whole) noexcept {
    const std::size_t size = std::min(text.size(), whole.size());
    return text.substr(0, size) == whole.substr(0, size);
}

// ---- version 1 ------------------------------------------------------------------------------------------------------

constexpr std::string_view prefix = "PROXY ", line_end = "\r\n";
constexpr std::size_t max_line_bytes = 107;  // section 2.1: with the line end

// A decimal number without leading zeros.
[[nodiscard]] std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    return port;
}

[[nodiscard]] std::optional<base::IpAddress> read_address(std::string_view family, std::string_view text) noexcept {
    std::optional<base::IpAddress> address;
    if (family == "TCP4")
        if (const auto ipv4 = base::parse_ipv4(text)) address.emplace(*ipv4);
    if (family == "TCP6")
        if (const auto ipv6 = base::parse_ipv6(text)) address.emplace(*ipv6);
    return address;
}

// "TCP4 192.0.2.1 203.0.113.1 56324 443": what follows the prefix, with one space between two parts.
[[nodiscard]] bool read_ends(std::string_view text, ProxyHeader& header) {
    if (std::ranges::count(text, ' ') != 4) return false;
    std::array<std::string_view, 5> parts;
    for (std::string_view& part : parts) {
        part = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    const auto source = read_address(parts[0], parts[1]), destination = read_address(parts[0], parts[2]);
    const auto source_port = read_port(parts[3]), destination_port = read_port(parts[4]);
    if (!source || !destination || !source_port || !destination_port) return false;
    header.source = {base::to_string(*source), *source_port};
    header.destination = {base::to_string(*destination), *destination_port};
    return true;
}

[[nodiscard]] ProxyHeaderResult parse_line(std::string_view received) {
    const std::string_view beginning = received.substr(0, max_line_bytes);
    const std::size_t end = beginning.find_first_of(line_end);
    if (end == std::string_view::npos || end + 1 == beginning.size()) {
        if (beginning.size() == max_line_bytes) return failed(ProxyHeaderError::line_too_long);
        if (end == std::string_view::npos || beginning[end] == '\r') return {};
    }
    if (beginning.substr(end, line_end.size()) != line_end) return failed(ProxyHeaderError::bad_line);
    ProxyHeader header{.size_bytes = end + line_end.size(), .is_local = false, .source = {}, .destination = {}};
    const std::string_view text = beginning.substr(prefix.size(), end - prefix.size());
    // Section 2.1: what follows UNKNOWN must be ignored.
    const bool is_unknown = text == "UNKNOWN" || text.starts_with("UNKNOWN ");
    if (!is_unknown && !read_ends(text, header)) return failed(ProxyHeaderError::bad_line);
    return complete(std::move(header));
}

// ---- version 2 ------------------------------------------------------------------------------------------------------

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_bytes = 16;  // signature, version and command, family and protocol, length

// The size of the addresses of a family, the high half of its octet (section 2.2).
constexpr std::array<std::size_t, 4> address_bytes{0, 12, 36, 216};
constexpr std::uint8_t unspecified = 0, ipv4 = 1, ipv6 = 2, over_stream = 1, over_datagrams = 2;

[[nodiscard]] bool is_known_family(std::uint8_t octet) noexcept {
    const std::uint8_t family = octet >> 4, protocol = octet & 15;
    if (family == unspecified) return protocol == unspecified;
    return family < address_bytes.size() && (protocol == over_stream || protocol == over_datagrams);
}

[[nodiscard]] std::uint16_t read_number(base::Bytes octets) noexcept {
    return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

// Two addresses, then two ports.
template <class Address>
void take_ends(base::Bytes octets, ProxyHeader& header) {
    constexpr std::size_t size = sizeof(Address);
    const auto read = [&](std::size_t index) {
        Address address;
        std::ranges::copy(octets.subspan(index * size, size), address.begin());
        return base::Address{base::to_string(base::IpAddress(address)),
                             read_number(octets.subspan(2 * size + 2 * index, 2))};
    };
    header.source = read(0);
    header.destination = read(1);
}

[[nodiscard]] ProxyHeaderResult parse_binary(base::Bytes received) {
    if (received.size() > signature.size() && received[12] >> 4 != 2) return failed(ProxyHeaderError::bad_version);
    if (received.size() < fixed_bytes) return {};
    const std::uint8_t command = received[12] & 15, family = received[13] >> 4;
    const std::size_t length = read_number(received.subspan(14, 2));
    if (command > 1) return failed(ProxyHeaderError::bad_command);
    if (fixed_bytes + length > max_proxy_header_bytes) return failed(ProxyHeaderError::too_long);
    ProxyHeader header{.size_bytes = fixed_bytes + length, .is_local = command == 0, .source = {}, .destination = {}};
    if (!header.is_local) {  // section 2.2: the family of a local connection is ignored
        if (!is_known_family(received[13])) return failed(ProxyHeaderError::bad_family);
        if (length < address_bytes[family]) return failed(ProxyHeaderError::too_short);
    }
    if (received.size() < header.size_bytes) return {};
    const base::Bytes addresses = received.subspan(fixed_bytes, length);
    if (!header.is_local && family == ipv4) take_ends<base::Ipv4Address>(addresses, header);
    if (!header.is_local && family == ipv6) take_ends<base::Ipv6Address>(addresses, header);
    return complete(std::move(header));
}

}  // namespace

std::string_view describe(ProxyHeaderError error) noexcept {
    switch (error) {
        case ProxyHeaderError::none:
            break;
        case ProxyHeaderError::not_a_header:
            return "something else";
        case ProxyHeaderError::line_too_long:
            return "a line of more than 107 octets (version 1)";
        case ProxyHeaderError::bad_line:
            return "a malformed line (version 1)";
        case ProxyHeaderError::bad_version:
            return "one of an unknown version";
        case ProxyHeaderError::bad_command:
            return "one with an unknown command (version 2)";
        case ProxyHeaderError::bad_family:
            return "one with an unknown address family (version 2)";
        case ProxyHeaderError::too_short:
            return "one that is too short for its addresses (version 2)";
        case ProxyHeaderError::too_long:
            return "one of more than 4096 octets (version 2)";
    }
    return "a valid one";
}

ProxyHeaderResult parse_proxy_header(base::Bytes received) {
    const std::string_view text = base::as_text(received);
    if (agrees(text, prefix)) return text.size() < prefix.size() ? ProxyHeaderResult{} : parse_line(text);
    if (agrees(text, signature)) return text.size() < signature.size() ? ProxyHeaderResult{} : parse_binary(received);
    return failed(ProxyHeaderError::not_a_header);
}

}  // namespace proapi::net
