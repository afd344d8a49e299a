#include "proapi/json_errors.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "app/json_places.hpp"
#include "http/text.hpp"

namespace proapi::detail {

namespace {

constexpr std::size_t max_described_octets = 100;
constexpr int wrong_type = 302;  // nlohmann's number of an exception

struct KnownType {
    std::string_view word;  // nlohmann's
    const char *type, *text;
};
constexpr std::array known_types = {
    KnownType{"string", "string_type", "Input should be a valid string"},
    KnownType{"number", "float_type", "Input should be a valid number"},
    KnownType{"boolean", "bool_type", "Input should be a valid boolean"},
    KnownType{"array", "list_type", "Input should be a valid list"},
    KnownType{"object", "dict_type", "Input should be a valid dictionary"},
};

// The part of `text` between `before` and `after`; empty if it has no such part.
[[nodiscard]] std::string_view part_between(std::string_view text, std::string_view before, std::string_view after) {
    const std::size_t begin = text.find(before);
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin + before.size());
    const std::size_t end = text.find(after);
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

}  // namespace

Json make_json_error(std::string type, Json location, std::string text, Json input) {
    return {
        {"type", std::move(type)}, {"loc", std::move(location)}, {"msg", std::move(text)}, {"input", std::move(input)}};
}

Json describe_json_error(const Json::exception& error, const Json& input, const JsonConversion& convert) {
    const std::string missing = find_missing_member(error);
    auto place = find_place(input, error, convert);
    if (!place) place.emplace(missing.empty() ? Json::array() : Json::array({missing}), &input);
    if (!missing.empty())
        return make_json_error("missing", std::move(place->location), "Field required", *place->value);
    const std::string_view text = error.what();
    const std::string_view expected = part_between(text, "type must be ", ",");
    const auto known = std::ranges::find(known_types, expected, &KnownType::word);
    if (error.id == wrong_type && known != known_types.end())
        return make_json_error(known->type, std::move(place->location), known->text, *place->value);
    return make_json_error("value_error", std::move(place->location), http::shortened(text, max_described_octets),
                           *place->value);
}

Json describe_altered_number(const Json& number, const Json& input) {
    JsonPlace place = find_place(input, number);
    return make_json_error("value_error", std::move(place.location),
                           "Input should be a number that its type can hold, got " + number.dump(), number);
}

Json describe_refused_json(const std::invalid_argument& error, const Json& input) {
    return make_json_error("value_error", Json::array(), std::string("Value error, ") + error.what(), input);
}

}  // namespace proapi::detail
