#include "base/ip_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>

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

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

using Groups = std::array<std::uint16_t, 8>;

// Returns the longest run of at least two groups that are zero, the first of several; empty if there is none.
[[nodiscard]] std::span<const std::uint16_t> find_gap(const Groups& groups) noexcept {
    std::span<const std::uint16_t> longest;
    for (auto begin = groups.begin(); begin != groups.end();) {
        const auto end = std::find_if(begin, groups.end(), [](std::uint16_t group) { return group != 0; });
        const std::span<const std::uint16_t> run(begin, end);
        if (run.size() > std::max<std::size_t>(longest.size(), 1)) longest = run;
        begin = end == groups.end() ? end : end + 1;
    }
    return longest;
}

void append_groups(std::string& text, const std::uint16_t* begin, const std::uint16_t* end) {
    std::array<char, 4> digits{};
    for (const std::uint16_t* group = begin; group != end; ++group) {
        if (group != begin) text += ':';
        text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), *group, 16).ptr);
    }
}

[[nodiscard]] std::string write_ipv4(std::span<const std::uint8_t, 4> octets) {
    std::string text;
    for (const std::uint8_t octet : octets) text += (text.empty() ? "" : ".") + std::to_string(octet);
    return text;
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

IpAddress::IpAddress(const Ipv4Address& address) noexcept : octets_{} {
    std::ranges::copy(address, std::ranges::copy(mapped_prefix, octets_.begin()).out);
}

bool IpAddress::is_ipv4() const noexcept {
    return std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets_.begin());
}

std::optional<IpAddress> parse_ip(std::string_view text) noexcept {
    if (const auto ipv4 = parse_ipv4(text)) return IpAddress(*ipv4);
    if (const auto ipv6 = parse_ipv6(text)) return IpAddress(*ipv6);
    return std::nullopt;
}

std::string to_string(const IpAddress& address) {
    const Ipv6Address& octets = address.octets();
    if (address.is_ipv4()) return write_ipv4(std::span(octets).last<4>());
    Groups groups{};
    for (std::size_t i = 0; i < groups.size(); ++i)
        groups[i] = static_cast<std::uint16_t>(octets[2 * i] << 8 | octets[2 * i + 1]);
    const auto gap = find_gap(groups);
    const std::uint16_t* const end = groups.data() + groups.size();
    std::string text;
    append_groups(text, groups.data(), gap.empty() ? end : gap.data());
    if (gap.empty()) return text;
    text += "::";
    append_groups(text, gap.data() + gap.size(), end);
    return text;
}

}  // namespace proapi::base
