// The handlers of what the engine answers by itself in other applications: files, and requests that it refuses.
#pragma once

#include <memory>

#include "proapi/handler.hpp"
#include "service/site.hpp"

namespace proapi::detail {

// Returns the handler of the files of `site`.
[[nodiscard]] std::unique_ptr<HttpHandler> make_files_handler(const service::Site& site);
// Returns the handler of refused requests, which throws the refusal.
[[nodiscard]] std::unique_ptr<HttpHandler> make_refusal_handler();

}  // namespace proapi::detail
