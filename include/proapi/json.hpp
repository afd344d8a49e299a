// JSON values: nlohmann::json under the project's name, and the two conversions that the framework makes of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace proapi {

using Json = nlohmann::json;

// Arrays and objects nested deeper than this are refused, both ways: a peer must not choose how much stack we use.
inline constexpr std::size_t max_json_depth = 200;

// Compact UTF-8. Throws std::invalid_argument for NaN and Infinity (browsers can't parse them), for strings that are
// not UTF-8 and for what is nested deeper than max_json_depth.
[[nodiscard]] std::string write_json(const Json& value);
// Throws std::invalid_argument, with where and why, for text that is not JSON (RFC 8259) or nested too deep.
[[nodiscard]] Json parse_json(std::string_view text);

}  // namespace proapi
