// What is wrong with JSON that can't become a C++ type, as clients are told: {"type", "loc", "msg", "input"}, in
// FastAPI's shape. `loc` has the names of the members down to the place, as far as it is known.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "proapi/json.hpp"

namespace proapi::detail {

// `type` is a word for programs, such as "missing"; `text` is for people.
[[nodiscard]] Json make_json_error(std::string type, Json location, std::string text, Json input);
// Throws what the conversion of `json` to the type in question throws.
using JsonConversion = std::function<void(const Json& json)>;
// Of an exception that nlohmann::json has thrown while it converted `input`. Converts parts of it again to find the
// place.
[[nodiscard]] Json describe_json_error(const Json::exception& error, const Json& input, const JsonConversion& convert);
// Of a number (or true or false) in `input` that its type can't hold unchanged.
[[nodiscard]] Json describe_altered_number(const Json& number, const Json& input);
// Of what the application's from_json() has refused.
[[nodiscard]] Json describe_refused_json(const std::invalid_argument& error, const Json& input);

// Sets `value`, or returns what is wrong.
template <class T>
[[nodiscard]] std::optional<Json> read_json(const Json& json, T& value) {
    if constexpr (std::same_as<T, Json>) {
        value = json;
        return std::nullopt;
    } else {
        try {
            ConvertedJson<T> converted = convert_json<T>(json);
            if (converted.altered_number) return describe_altered_number(*converted.altered_number, json);
            value = std::move(converted.value);
            return std::nullopt;
        } catch (const Json::exception& error) {
            return describe_json_error(error, json,
                                       [](const Json& part) { static_cast<void>(part.template get<T>()); });
        } catch (const std::invalid_argument& error) {
            return describe_refused_json(error, json);
        }
    }
}

}  // namespace proapi::detail
