// A UUID (RFC 9562) as a value: the type of a "{name:uuid}" parameter.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace proapi {

struct Uuid {
    std::array<std::uint8_t, 16> octets{};

    // Parses "123e4567-e89b-12d3-a456-426614174000", in any case; returns std::nullopt for any other text.
    [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;
    [[nodiscard]] std::string to_string() const;
    friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace proapi

template <>
struct std::hash<proapi::Uuid> {
    std::size_t operator()(const proapi::Uuid& uuid) const noexcept {
        std::size_t value = 0;
        for (const auto octet : uuid.octets) value = value * 131 + octet;
        return value;
    }
};
