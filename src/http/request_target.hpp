// The forms of a request target (RFC 9112 section 3.2): origin, absolute and asterisk. Authority-form belongs to
// CONNECT, which an origin server does not support. Internal to the `http` layer.
#pragma once

#include <string_view>

#include "http/error.hpp"

namespace proapi::http {

struct Target {
    std::string_view raw_path;   // "*" for asterisk-form, "/" if an absolute-form has no path
    std::string_view query;      // after "?", without it
    std::string_view authority;  // of absolute-form, else empty
};

// The views are into `target` or of constants. A target that check_target() would refuse is treated as origin-form.
[[nodiscard]] Target split_target(std::string_view method, std::string_view target) noexcept;
[[nodiscard]] ErrorCode check_target(std::string_view method, std::string_view target);

}  // namespace proapi::http
