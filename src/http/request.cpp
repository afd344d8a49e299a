// Finds the parts of the target in a head's text on each call (RFC 9112 section 3.2), and the host that the request is
// for.
#include "http/request.hpp"

#include "http/request_target.hpp"

namespace proapi::http {

std::string_view RequestHead::raw_path() const noexcept {
    return split_target(method, target).raw_path;
}

std::string_view RequestHead::query() const noexcept {
    return split_target(method, target).query;
}

std::string_view RequestHead::host() const noexcept {
    // RFC 9112 section 3.2.2: the authority of an absolute-form MUST win.
    const std::string_view authority = split_target(method, target).authority;
    return authority.empty() ? headers.get("Host").value_or("") : authority;
}

}  // namespace proapi::http
