// Splits the request target (RFC 9112 section 3.2). Nothing is decoded or normalised here.
#include "http/request_target.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

constexpr std::string_view after_scheme = "://";

constexpr bool is_visible_ascii(char c) noexcept {
    return c > 0x20 && c < 0x7f;
}

void split_query(std::string_view path_and_query, Target& into) noexcept {
    const std::size_t mark = path_and_query.find('?');
    into.raw_path = path_and_query.substr(0, mark);
    if (mark != std::string_view::npos) into.query = path_and_query.substr(mark + 1);
}

}  // namespace

Target split_target(std::string_view method, std::string_view target) noexcept {
    Target parts;
    const std::size_t scheme_end = target.starts_with('/') ? std::string_view::npos : target.find(after_scheme);
    if (scheme_end == std::string_view::npos) {
        split_query(target, parts);
        return parts;
    }
    const std::string_view rest = target.substr(scheme_end + after_scheme.size());
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    parts.authority = rest.substr(0, authority_end);
    split_query(rest.substr(authority_end), parts);
    // RFC 9112 section 3.2.4: OPTIONS for an absolute URI without path and query refers to the server as a whole.
    if (parts.raw_path.empty()) parts.raw_path = method == "OPTIONS" && authority_end == rest.size() ? "*" : "/";
    return parts;
}

ErrorCode check_target(std::string_view method, std::string_view target) {
    if (!std::all_of(target.begin(), target.end(), is_visible_ascii)) return ErrorCode::bad_target_octet;
    if (target.find('#') != std::string_view::npos) return ErrorCode::fragment_in_target;
    if (target.starts_with('/')) return ErrorCode::none;
    if (target == "*") return method == "OPTIONS" ? ErrorCode::none : ErrorCode::asterisk_without_options;
    const std::string_view scheme = target.substr(0, std::min(target.find(after_scheme), target.size()));
    const bool is_known = equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
    if (scheme.size() == target.size() || !is_known) return ErrorCode::bad_target_form;
    const bool has_host = parse_authority(split_target(method, target).authority).has_value();
    return has_host ? ErrorCode::none : ErrorCode::bad_target_authority;
}

}  // namespace proapi::http
