// The Cookie field (RFC 6265 sections 4.2.1 and 5.4), parsed as browsers send it: a value may contain any octet but
// ";", and no escapes are decoded.
#include <algorithm>

#include "http/text.hpp"
#include "http/url.hpp"

namespace proapi::http {

Pairs parse_cookies(std::string_view field) {
    Pairs cookies;
    while (!field.empty()) {
        const std::string_view pair = field.substr(0, field.find(';'));
        field.remove_prefix(std::min(pair.size() + 1, field.size()));
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view name = trim(pair.substr(0, equals));
        std::string_view value = trim(pair.substr(equals + 1));
        // A cookie without a name can't be told from one whose value is "name=value", so it is left out.
        if (name.empty()) continue;
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        cookies.emplace_back(name, value);
    }
    return cookies;
}

}  // namespace proapi::http
