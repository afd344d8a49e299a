// Every setting of a server, by name. The table is contract/settings.json: scripts/generate_settings.py writes the
// structs with their defaults (settings_defaults.hpp) and the ranges (settings_ranges.hpp) from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "service/error.hpp"
#include "service/settings_defaults.hpp"

namespace proapi::service {

using Duration = std::chrono::milliseconds;

[[nodiscard]] constexpr std::uint64_t milliseconds(Duration duration) noexcept {
    return static_cast<std::uint64_t>(duration.count());
}

// A setting that is a number: the member that holds it and its range, both ends included. Times are in seconds.
template <class Struct>
struct Limit {
    std::string_view name;
    std::variant<std::uint64_t Struct::*, Duration Struct::*> member;
    double minimum, maximum;
};
template <class Struct, class Value>
Limit(std::string_view, Value Struct::*, double, double) -> Limit<Struct>;

// Another name that a setting may be given by.
struct SettingAlias {
    std::string_view alias, name;
};

enum class SettingScope : std::uint8_t { server, route };

// Sets one by name. Times are seconds, sizes octets; lists of origins and hosts are separated by commas. Fails,
// naming the setting, for an unknown name, what is not a number or out of range, and a setting of another scope.
[[nodiscard]] Result<void> set_setting(Settings& settings, std::string_view name, std::string_view value);
[[nodiscard]] Result<void> set_setting(WebSocketSettings& settings, std::string_view name, std::string_view value);
// Settings that contradict each other: low_water above high_water, high_water above max_buffered.
[[nodiscard]] Result<void> check_settings(const WebSocketSettings& settings);
// Names and values of those that are numbers, times in seconds. Older names come last.
[[nodiscard]] std::vector<std::pair<std::string, double>> list_settings(const Settings& settings);

}  // namespace proapi::service
