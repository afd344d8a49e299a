// How features tell what they see, as the values that tests compare: JSON, and messages with a number in them.
#pragma once

#include <cstddef>
#include <proapi/proapi.hpp>
#include <string>

namespace features {

// name -> all its values
[[nodiscard]] proapi::Json grouped(const proapi::Fields& fields, bool lower_case);
[[nodiscard]] proapi::Json last_values(const proapi::Fields& fields);
[[nodiscard]] proapi::Json client_of(const proapi::Client& client);
// The number, a space and dots.
[[nodiscard]] std::string padded(int index, std::size_t size);

}  // namespace features
