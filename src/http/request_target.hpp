// The request target's forms (RFC 9112 section 3.2): origin, absolute and asterisk. Authority-form belongs to CONNECT,
// which an origin server has no use for. A piece of the `http` layer's inside.
#pragma once

#include <string_view>

#include "http/error.hpp"

namespace proapi::http {

struct Target {
    std::string_view raw_path;   // "*" of asterisk-form, "/" where an absolute-form has no path
    std::string_view query;      // after "?", without it
    std::string_view authority;  // of absolute-form; else empty
};

// The views are of `target` or of constants. What no check has passed is taken for origin-form.
[[nodiscard]] Target split_target(std::string_view method, std::string_view target) noexcept;
[[nodiscard]] ErrorCode check_target(std::string_view method, std::string_view target);

}  // namespace proapi::http
