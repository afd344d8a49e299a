// Returns the error of a call as text, or "" if it succeeded. For EXPECT_EQ, which then shows the text.
#pragma once

#include <string>

#include "base/result.hpp"
#include "http/error.hpp"

namespace proapi {

[[nodiscard]] inline std::string error_text(http::ErrorCode code) {
    return code == http::ErrorCode::none ? std::string() : std::string(http::describe(code).text);
}
template <class T>
[[nodiscard]] std::string error_text(const base::Result<T, http::ErrorCode>& result) {
    return result ? std::string() : error_text(result.error());
}
template <class T, class E>
[[nodiscard]] std::string error_text(const base::Result<T, E>& result) {
    return result ? std::string() : result.error().text;
}

}  // namespace proapi
