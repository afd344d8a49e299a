// Why a server can't listen somewhere.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "base/address.hpp"

namespace proapi::net {

// `text` is one line that says what failed and what to change.
struct ListenError {
    std::error_code code;
    std::string text;
};

// errno as a code.
[[nodiscard]] inline std::error_code last_error() noexcept {
    return {errno, std::generic_category()};
}

[[nodiscard]] inline ListenError make_listen_error(const base::Address& where, std::error_code code,
                                                   std::string_view advice) {
    return {code, "can't listen on " + base::to_string(where) + ": " + code.message() + "; " + std::string(advice)};
}

}  // namespace proapi::net
