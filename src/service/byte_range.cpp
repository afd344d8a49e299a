#include "service/byte_range.hpp"

#include <algorithm>
#include <charconv>

namespace proapi::service {

namespace {

[[nodiscard]] bool read_number(std::string_view text, std::uint64_t& number) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

ByteRange read_byte_range(std::string_view field, std::uint64_t size) noexcept {
    constexpr std::string_view unit = "bytes=";
    const ByteRange whole{RangeKind::whole, 0, size}, unsatisfiable{RangeKind::unsatisfiable, 0, 0};
    if (!field.starts_with(unit) || field.find(',') != std::string_view::npos) return whole;
    field.remove_prefix(unit.size());
    const std::size_t dash = field.find('-');
    if (dash == std::string_view::npos) return whole;
    const std::string_view first_text = field.substr(0, dash), last_text = field.substr(dash + 1);
    std::uint64_t first = 0, last = 0;
    if (first_text.empty()) {  // the last N octets
        if (!read_number(last_text, last)) return whole;
        if (last == 0 || size == 0) return unsatisfiable;
        return {RangeKind::part, size - std::min(last, size), std::min(last, size)};
    }
    if (!read_number(first_text, first)) return whole;
    if (last_text.empty()) {
        last = size == 0 ? 0 : size - 1;
    } else if (!read_number(last_text, last) || last < first) {
        return whole;
    }
    if (first >= size) return unsatisfiable;
    return {RangeKind::part, first, std::min(last, size - 1) - first + 1};
}

}  // namespace proapi::service
