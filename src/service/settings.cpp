#include "service/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "http/headers.hpp"
#include "service/host_rule.hpp"
#include "service/origin.hpp"
#include "service/settings_ranges.hpp"
#include "service/trusted_networks.hpp"

namespace proapi::service {

namespace {

constexpr std::string_view origins_name = "allowed_origins", hosts_name = "allowed_hosts",
                           compression_name = "compression", rate_action_name = "message_rate_action",
                           proxies_name = "trusted_proxies", proxy_protocol_name = "proxy_protocol",
                           compress_name = "compress";
// Those of the application that are not numbers.
constexpr std::array server_names{hosts_name, proxies_name, proxy_protocol_name, compress_name};

// Formats independently of the program's locale (LC_NUMERIC) and its decimal point. read_number() parses the same form.
[[nodiscard]] std::string number_text(double value) {
    std::array<char, 64> digits{};
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
    return error == std::errc() ? std::string(digits.data(), end) : std::string();
}

[[nodiscard]] std::optional<double> read_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

// Returns the name that the table uses.
[[nodiscard]] std::string_view name_in_table(std::string_view name) noexcept {
    const auto alias = std::ranges::find(setting_aliases, name, &SettingAlias::alias);
    return alias == setting_aliases.end() ? name : alias->name;
}

// Returns nullopt if the table has no such name.
template <class T, std::size_t N>
std::optional<Result<void>> set_in(const std::array<Limit<T>, N>& limits, T& settings, std::string_view name,
                                   std::string_view value) {
    const auto limit = std::ranges::find(limits, name_in_table(name), &Limit<T>::name);
    if (limit == limits.end()) return std::nullopt;
    const std::optional<double> number = read_number(value);
    const auto* time = std::get_if<Duration T::*>(&limit->member);
    const bool is_whole = time || (number && *number == std::floor(*number));
    if (!number || !is_whole || *number < limit->minimum || *number > limit->maximum)
        return make_error(time ? ErrorCode::not_seconds_in_range : ErrorCode::not_a_whole_number_in_range,
                          {limit->name, number_text(limit->minimum), number_text(limit->maximum), value});
    if (time) {
        // Rounding must not make a short time 0, which may stand for no limit.
        settings.*(*time) = Duration(*number > 0 ? std::max(std::llround(*number * 1000), 1LL) : 0);
    } else {
        settings.*std::get<std::uint64_t T::*>(limit->member) = static_cast<std::uint64_t>(*number);
    }
    return Result<void>();
}

Result<void> set_origins(WebSocketSettings& settings, std::string_view value) {
    std::vector<std::string> origins;
    for (const std::string_view text : http::split_list(value)) {
        const auto origin = text == "*" ? text : read_origin(text);
        if (!origin) return make_error(ErrorCode::bad_origin, {origins_name, text});
        origins.emplace_back(*origin);
    }
    settings.allowed_origins = std::move(origins);
    return {};
}

// Sets a list of which each item must satisfy `is_valid`; if one does not, the error has `code`.
template <class Check>
Result<void> set_list(std::vector<std::string>& list, std::string_view name, std::string_view value, Check is_valid,
                      ErrorCode code) {
    std::vector<std::string> items;
    for (const std::string_view item : http::split_list(value)) {
        if (!is_valid(item)) return make_error(code, {name, item});
        items.emplace_back(item);
    }
    list = std::move(items);
    return {};
}

Result<void> set_switch(bool& is_on, std::string_view name, std::string_view value) {
    if (value != "true" && value != "false") return make_error(ErrorCode::not_a_switch, {name, value});
    is_on = value == "true";
    return {};
}

// A value of an enumeration, and how settings write it.
template <class Choice>
using NamedChoice = std::pair<std::string_view, Choice>;

constexpr std::array<NamedChoice<Compression>, 3> compressions{
    {{"none", Compression::none}, {"shared", Compression::shared}, {"dedicated", Compression::dedicated}}};
constexpr std::array<NamedChoice<RateAction>, 2> rate_actions{
    {{"pause", RateAction::pause}, {"close", RateAction::close}}};

// Sets one of `choices`; if `value` is none of them, the error has `code`.
template <class Choice, std::size_t N>
Result<void> set_choice(Choice& choice, const std::array<NamedChoice<Choice>, N>& choices, std::string_view name,
                        std::string_view value, ErrorCode code) {
    const auto found = std::ranges::find(choices, value, &NamedChoice<Choice>::first);
    if (found == choices.end()) return make_error(code, {name, value});
    choice = found->second;
    return {};
}

[[nodiscard]] double as_number(std::uint64_t count) noexcept {
    return static_cast<double>(count);
}

[[nodiscard]] double as_number(Duration time) noexcept {
    return static_cast<double>(time.count()) / 1000;
}

template <class T, std::size_t N>
void list_limits(const std::array<Limit<T>, N>& limits, const T& settings,
                 std::vector<std::pair<std::string, double>>& out) {
    for (const auto& limit : limits)
        out.emplace_back(limit.name,
                         std::visit([&](auto member) { return as_number(settings.*member); }, limit.member));
}

// Returns the Levenshtein distance: how many letters must be inserted, deleted or replaced.
[[nodiscard]] std::size_t distance(std::string_view one, std::string_view other) {
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (const char letter : one) {
        std::size_t diagonal = row[0]++;
        for (std::size_t i = 0; i < other.size(); ++i) {
            const std::size_t exchanged = diagonal + (letter == other[i] ? 0 : 1);
            diagonal = row[i + 1];
            row[i + 1] = std::min({exchanged, row[i] + 1, row[i + 1] + 1});
        }
    }
    return row.back();
}

// Returns "; did you mean 'high_water'?" if a known name is near, else an empty string.
[[nodiscard]] std::string suggestion(std::string_view name) {
    if (name.size() > 64) return {};
    std::string_view nearest;
    std::size_t least = std::max<std::size_t>(name.size() / 3, 2) + 1;
    const auto look_at = [&](std::string_view known) {
        if (const std::size_t found = distance(name, known); found < least)
            least = found, nearest = name_in_table(known);
    };
    for (const auto& limit : websocket_limits) look_at(limit.name);
    for (const auto& limit : http_limits) look_at(limit.name);
    for (const auto& limit : server_limits) look_at(limit.name);
    for (const SettingAlias& each : setting_aliases) look_at(each.alias);
    look_at(origins_name);
    for (const std::string_view each : server_names) look_at(each);
    look_at(compression_name);
    look_at(rate_action_name);
    return nearest.empty() ? std::string() : "; did you mean '" + std::string(nearest) + "'?";
}

// Sets one that a WebSocket route may have. Returns nullopt if the table has none of that name.
std::optional<Result<void>> set_own(WebSocketSettings& settings, std::string_view name, std::string_view value) {
    if (name == origins_name) return set_origins(settings, value);
    if (name == compression_name)
        return set_choice(settings.compression, compressions, name, value, ErrorCode::bad_compression);
    if (name == rate_action_name)
        return set_choice(settings.message_rate_action, rate_actions, name, value, ErrorCode::bad_rate_action);
    return set_in(websocket_limits, settings, name, value);
}

template <class T, std::size_t N>
[[nodiscard]] bool has_name(const std::array<Limit<T>, N>& limits, std::string_view name) noexcept {
    return std::ranges::find(limits, name_in_table(name), &Limit<T>::name) != limits.end();
}

// The error of a name that a route of one kind does not have: `of_others` if it is a setting of routes of other kinds.
[[nodiscard]] Error refuse_name(std::string_view name, ErrorCode of_others) {
    if (std::ranges::find(server_names, name) != server_names.end() || has_name(server_limits, name))
        return make_error(ErrorCode::setting_of_the_application, {name});
    const bool is_known = has_name(http_limits, name) || has_name(websocket_limits, name) || name == origins_name ||
                          name == compression_name || name == rate_action_name;
    if (is_known) return make_error(of_others, {name});
    return make_error(ErrorCode::unknown_setting, {name, suggestion(name)});
}

}  // namespace

Result<void> set_setting(WebSocketSettings& settings, std::string_view name, std::string_view value) {
    if (auto set = set_own(settings, name, value)) return *std::move(set);
    return refuse_name(name, ErrorCode::setting_not_of_websockets);
}

Result<void> set_setting(HttpSettings& settings, std::string_view name, std::string_view value) {
    if (auto set = set_in(http_limits, settings, name, value)) return *std::move(set);
    return refuse_name(name, ErrorCode::setting_not_of_http);
}

Result<void> set_setting(Settings& settings, std::string_view name, std::string_view value) {
    if (name == hosts_name) return set_list(settings.allowed_hosts, name, value, is_host_pattern, ErrorCode::bad_host);
    if (name == proxies_name)
        return set_list(settings.trusted_proxies, name, value, is_trusted_network, ErrorCode::bad_network);
    if (name == proxy_protocol_name) return set_switch(settings.proxy_protocol, name, value);
    if (name == compress_name) return set_switch(settings.compress, name, value);
    if (auto set = set_in(server_limits, settings, name, value)) return *std::move(set);
    if (auto set = set_in(http_limits, static_cast<HttpSettings&>(settings), name, value)) return *std::move(set);
    if (auto set = set_own(settings, name, value)) return *std::move(set);
    return make_error(ErrorCode::unknown_setting, {name, suggestion(name)});
}

Result<void> check_settings(const WebSocketSettings& settings) {
    const auto [low_water, high_water, max_buffered] =
        std::array{settings.low_water, settings.high_water, settings.max_buffered};
    if (low_water > high_water)
        return make_error(ErrorCode::low_water_above_high_water,
                          {std::to_string(low_water), std::to_string(high_water)});
    if (high_water > max_buffered)
        return make_error(ErrorCode::high_water_above_max_buffered,
                          {std::to_string(high_water), std::to_string(max_buffered)});
    return {};
}

Result<void> check_settings(const Settings& settings) {
    if (settings.proxy_protocol && settings.trusted_proxies.empty())
        return make_error(ErrorCode::proxy_protocol_of_nobody);
    return check_settings(static_cast<const WebSocketSettings&>(settings));
}

std::vector<std::pair<std::string, double>> list_settings(const Settings& settings) {
    std::vector<std::pair<std::string, double>> out;
    list_limits(websocket_limits, static_cast<const WebSocketSettings&>(settings), out);
    list_limits(http_limits, static_cast<const HttpSettings&>(settings), out);
    list_limits(server_limits, settings, out);
    const std::size_t count = out.size();
    for (const SettingAlias& each : setting_aliases) {
        for (std::size_t i = 0; i < count; ++i)
            if (out[i].first == each.name) out.emplace_back(each.alias, out[i].second);
    }
    return out;
}

}  // namespace proapi::service
