// Every setting of a server, by name. contract/settings.json is the table: from it scripts/generate_settings.py writes
// the structs with their defaults (settings_defaults.hpp) and the ranges (settings_ranges.hpp).
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

// A numeric setting: the member that holds it and its range, both ends included. Times are in seconds.
template <class Struct>
struct Limit {
    std::string_view name;
    std::variant<std::uint64_t Struct::*, Duration Struct::*> member;
    double minimum, maximum;
};
template <class Struct, class Value>
Limit(std::string_view, Value Struct::*, double, double) -> Limit<Struct>;

// An alternative name of a setting.
struct SettingAlias {
    std::string_view alias, name;
};

// Sets one setting by name. Times are in seconds, sizes in octets; commas separate the items of lists; a switch is
// "true" or "false". Fails if the name is unknown, if the value is not a number or out of range, or if the setting has
// another scope. The error names the setting.
[[nodiscard]] Result<void> set_setting(Settings& settings, std::string_view name, std::string_view value);
[[nodiscard]] Result<void> set_setting(WebSocketSettings& settings, std::string_view name, std::string_view value);
[[nodiscard]] Result<void> set_setting(HttpSettings& settings, std::string_view name, std::string_view value);
// Checks for settings that contradict each other: low_water above high_water, high_water above max_buffered; and, for
// an application, proxy_protocol without trusted_proxies.
[[nodiscard]] Result<void> check_settings(const WebSocketSettings& settings);
[[nodiscard]] Result<void> check_settings(const Settings& settings);
// Returns the names and values of all numeric settings, times in seconds. Older names come last.
[[nodiscard]] std::vector<std::pair<std::string, double>> list_settings(const Settings& settings);

}  // namespace proapi::service
