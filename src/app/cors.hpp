// From the public options of CORS to the service's.
#pragma once

#include <memory>

#include "proapi/cors.hpp"
#include "service/cors.hpp"

namespace proapi::detail {

// Throws std::invalid_argument for a value that an option can't have.
[[nodiscard]] std::shared_ptr<const service::Cors> make_cors(const CORS& options);

}  // namespace proapi::detail
