// Turns what the handlers see into values that tests compare: JSON, and numbered messages.
#pragma once

#include <cstddef>
#include <proapi/proapi.hpp>
#include <string>

namespace features {

// name -> all its values
[[nodiscard]] proapi::Json grouped(const proapi::Fields& fields, bool lower_case);
[[nodiscard]] proapi::Json last_values(const proapi::Fields& fields);
[[nodiscard]] proapi::Json certificate_of(std::string_view pem);  // null if there is none
[[nodiscard]] proapi::Json client_of(const proapi::Client& client);
// The number and a space, filled up with dots to `size`.
[[nodiscard]] std::string padded(int index, std::size_t size);

}  // namespace features
