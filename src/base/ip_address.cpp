#include "base/ip_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace proapi::base {

namespace {

// Parses all of `text` as a number in that base, with at most `max_digits` digits.
[[nodiscard]] std::optional<std::uint16_t> read_number(std::string_view text, int base,
                                                       std::size_t max_digits) noexcept {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() > max_digits) return std::nullopt;
    return number;
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
        const std::string_view part = take_part(text, '.');
        const auto number = read_number(part, 10, 3);
        if (!number || *number > 255 || (part.size() > 1 && part.front() == '0')) return std::nullopt;
        octet = static_cast<std::uint8_t>(*number);
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
        const auto group = read_number(take_part(text, ':'), 16, 4);
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
