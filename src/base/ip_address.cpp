#include "base/ip_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace proapi::base {

namespace {

// Parses up to four hexadecimal digits: a group of an IPv6 address.
[[nodiscard]] std::optional<std::uint16_t> read_group(std::string_view text) noexcept {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() > 4) return std::nullopt;
    return number;
}

// Parses 0 to 255 without leading zeros: an octet of an IPv4 address.
[[nodiscard]] std::optional<std::uint8_t> read_octet(std::string_view text) noexcept {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    unsigned number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    if (number > 255) return std::nullopt;
    return static_cast<std::uint8_t>(number);
}

// Takes the part before the next separator off the front of `text`.
[[nodiscard]] std::string_view take_part(std::string_view& text, char separator) noexcept {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

}  // namespace

std::optional<Ipv4Address> parse_ipv4(std::string_view text) noexcept {
    if (std::ranges::count(text, '.') != 3) return std::nullopt;
    Ipv4Address address{};
    for (std::uint8_t& octet : address) {
        const auto number = read_octet(take_part(text, '.'));
        if (!number) return std::nullopt;
        octet = *number;
    }
    return address;
}

std::optional<Ipv6Address> parse_ipv6(std::string_view text) noexcept {
    Ipv6Address address{};
    std::size_t filled = 0;
    std::optional<std::size_t> gap;  // the number of octets before "::"
    const auto add = [&](std::uint8_t octet) { address[filled++] = octet; };
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        if (const auto ipv4 = parse_ipv4(text)) {
            if (filled + 4 > address.size()) return std::nullopt;
            std::ranges::for_each(*ipv4, add);
            break;
        }
        const bool is_last = text.find(':') == std::string_view::npos;
        const auto group = read_group(take_part(text, ':'));
        if (!group || filled + 2 > address.size() || (text.empty() && !is_last)) return std::nullopt;
        add(static_cast<std::uint8_t>(*group >> 8));
        add(static_cast<std::uint8_t>(*group & 0xff));
        if (text.starts_with(':')) {  // the second of "::"
            if (gap) return std::nullopt;
            gap = filled;
            text.remove_prefix(1);
        }
    }
    if (gap.has_value() == (filled == address.size())) return std::nullopt;  // "::" stands for at least one group
    if (gap) {
        const auto begin = address.begin() + static_cast<std::ptrdiff_t>(*gap);
        const auto end = address.begin() + static_cast<std::ptrdiff_t>(filled);
        std::fill(begin, std::copy_backward(begin, end, address.end()), std::uint8_t{0});
    }
    return address;
}

}  // namespace proapi::base
