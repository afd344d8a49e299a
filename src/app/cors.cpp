#include "app/cors.hpp"

#include <regex>
#include <stdexcept>
#include <string_view>

namespace proapi::detail {

namespace {

[[nodiscard]] std::regex compile(const std::string& pattern) {
    try {
        return std::regex(pattern, std::regex::ECMAScript | std::regex::icase | std::regex::optimize);
    } catch (const std::regex_error& error) {
        throw std::invalid_argument("allow_origin_regex: expected a regular expression, got '" + pattern +
                                    "': " + error.what());
    }
}

}  // namespace

std::shared_ptr<const service::Cors> make_cors(const CORS& options) {
    service::CorsOptions given{.allow_origins = options.allow_origins,
                               .matches_origin = nullptr,
                               .allow_methods = options.allow_methods,
                               .allow_headers = options.allow_headers,
                               .expose_headers = options.expose_headers,
                               .max_age = options.max_age,
                               .allow_credentials = options.allow_credentials,
                               .allow_private_network = options.allow_private_network};
    if (!options.allow_origin_regex.empty())
        given.matches_origin = [regex = compile(options.allow_origin_regex)](std::string_view origin) {
            return std::regex_match(origin.begin(), origin.end(), regex);
        };
    auto made = service::Cors::make(given);
    if (!made) throw std::invalid_argument("cors(): " + made.error().text);
    return *std::move(made);
}

}  // namespace proapi::detail
