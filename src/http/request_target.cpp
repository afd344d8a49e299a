// The request target taken apart (RFC 9112 section 3.2). Nothing is decoded or normalised here.
#include "http/request_target.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

constexpr bool is_visible_ascii(char c) noexcept {
    return c > 0x20 && c < 0x7f;
}

void split_query(std::string_view path_and_query, Target& into) noexcept {
    const std::size_t mark = path_and_query.find('?');
    into.raw_path = path_and_query.substr(0, mark);
    if (mark != std::string_view::npos) into.query = path_and_query.substr(mark + 1);
}

Target parse_absolute(std::string_view method, std::string_view target) {
    Target parsed;
    const std::size_t scheme_end = target.find("://");
    const std::string_view scheme = target.substr(0, std::min(scheme_end, target.size()));
    if (scheme_end == std::string_view::npos ||
        !(equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https"))) {
        parsed.error = "expected a request target that begins with \"/\", \"http://\" or \"https://\"";
        return parsed;
    }
    const std::string_view rest = target.substr(scheme_end + 3);
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    parsed.authority = rest.substr(0, authority_end);
    if (!parse_authority(parsed.authority)) {
        parsed.error = "expected host or host:port in the request target, without user information";
        return parsed;
    }
    split_query(rest.substr(authority_end), parsed);
    // RFC 9112 section 3.2.4: OPTIONS for an absolute URI without path and query asks about the server as a whole.
    if (parsed.raw_path.empty()) parsed.raw_path = method == "OPTIONS" && authority_end == rest.size() ? "*" : "/";
    return parsed;
}

}  // namespace

Target parse_target(std::string_view method, std::string_view target) {
    Target parsed;
    if (!std::all_of(target.begin(), target.end(), is_visible_ascii)) {
        parsed.error = "expected visible ASCII in the request target, got a control or non-ASCII character";
    } else if (target.find('#') != std::string_view::npos) {
        parsed.error = "expected no fragment in the request target, got \"#\"";
    } else if (target == "*") {
        parsed.raw_path = target;
        if (method != "OPTIONS") parsed.error = "expected \"*\" as request target with OPTIONS only";
    } else if (!target.empty() && target.front() == '/') {
        split_query(target, parsed);
    } else {
        parsed = parse_absolute(method, target);
    }
    return parsed;
}

}  // namespace proapi::http
