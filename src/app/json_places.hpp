// Finds the place in JSON that can't become a C++ type. nlohmann's exceptions say what is wrong, but not where.
#pragma once

#include <optional>

#include "proapi/json_errors.hpp"

namespace proapi::detail {

struct JsonPlace {
    JsonPlace(Json names_and_indices, const Json* part) : location(std::move(names_and_indices)), value(part) {}
    Json location;      // an array of names and indices
    const Json* value;  // at the place, a part of the whole; for a missing member the object
};

// The place of a part of `whole`, by its address.
[[nodiscard]] JsonPlace find_place(const Json& whole, const Json& part);

// The place at which `convert(whole)` has thrown `error`. Returns nullopt if it can't be found: by a type that does not
// take its members by at(), as NLOHMANN_DEFINE_TYPE does, or in a large message.
[[nodiscard]] std::optional<JsonPlace> find_place(const Json& whole, const Json::exception& error,
                                                  const JsonConversion& convert);

// The member that an exception of nlohmann's misses; empty if the exception says something else.
[[nodiscard]] std::string find_missing_member(const Json::exception& error);

}  // namespace proapi::detail
