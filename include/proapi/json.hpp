// JSON values: nlohmann::json under the project's name, and the framework's conversions from and to text.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace proapi {

using Json = nlohmann::json;

// Arrays and objects nested deeper than this are refused in both directions: a peer must not choose how much stack the
// server uses.
inline constexpr std::size_t max_json_depth = 200;

// Returns compact UTF-8. Throws std::invalid_argument for NaN and Infinity (browsers can't parse them), for strings
// that are not UTF-8, for a discarded value (the result of a failed parse) and for nesting deeper than max_json_depth.
[[nodiscard]] std::string write_json(const Json& value);
// Throws std::invalid_argument, with position and reason, for text that is not JSON (RFC 8259), for nesting that is too
// deep, and for integers that fit neither std::int64_t nor std::uint64_t, which Json can't represent exactly. Skips a
// byte order mark at the beginning.
[[nodiscard]] Json parse_json(std::string_view text);

namespace detail {

// `made` is `given`, converted to a C++ type and back to JSON. Returns the first number (or true or false) in `given`
// for which `made` has another number; null if there is none. nlohmann::json converts 3.7 to 3 and true to 1, and keeps
// only the low bits of numbers that are too large.
[[nodiscard]] const Json* find_altered_number(const Json& given, const Json& made);

// Views and pointers, including those in the elements of containers, pairs and tuples.
template <class T>
inline constexpr bool holds_views = std::is_pointer_v<T> || std::is_reference_v<T> || std::ranges::enable_view<T>;
template <class T>
inline constexpr bool holds_views<const T> = holds_views<T>;
template <class T>
    requires requires { typename T::value_type; } &&
                 (!nlohmann::detail::is_basic_json<T>::value && !std::is_same_v<typename T::value_type, T>)
inline constexpr bool holds_views<T> = std::ranges::enable_view<T> || holds_views<typename T::value_type>;
template <class First, class Second>
inline constexpr bool holds_views<std::pair<First, Second>> = holds_views<First> || holds_views<Second>;
template <class... Elements>
inline constexpr bool holds_views<std::tuple<Elements...>> = (holds_views<Elements> || ...);

// Types with a fixed number of elements: std::array, pair, tuple.
template <class T>
concept FixedSize = requires { std::tuple_size<T>::value; };

// The type that JSON is converted to. A class that names it reports a wrong one where that class is used, with every
// compiler.
template <class T>
struct JsonTarget {
    static_assert(
        !holds_views<T>,
        "the message is destroyed before T is used: expected a type that holds its text, such as std::string, not "
        "std::string_view, a pointer or a reference");
    using type = T;
};

template <class T>
struct ConvertedJson {
    typename JsonTarget<T>::type value;
    const Json* altered_number;  // the number, in the JSON, that T can't hold unchanged; `value` is then not used
};

// Converts `value`, which outlives the result, to a T. If T also converts back to JSON, looks for altered numbers in
// the whole value. Throws Json::exception.
template <class T>
[[nodiscard]] ConvertedJson<T> convert_json(const Json& value) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        if (!value.is_number_integer() && (value.is_number() || value.is_boolean())) {
            return {T(), &value};
        }
    }
    T result = value.get<T>();
    if constexpr (FixedSize<T>) {
        if (value.is_array() && value.size() > std::tuple_size_v<T> && value[std::tuple_size_v<T>].is_number()) {
            return {std::move(result), &value[std::tuple_size_v<T>]};
        }
    }
    if constexpr (std::is_constructible_v<Json, const T&> && !std::is_same_v<T, std::string>) {
        const Json* altered = find_altered_number(value, Json(std::as_const(result)));
        return {std::move(result), altered};
    }
    return {std::move(result), nullptr};
}

}  // namespace detail

}  // namespace proapi
