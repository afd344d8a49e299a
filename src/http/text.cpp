#include "http/text.hpp"

#include "http/url.hpp"

namespace proapi::http {

std::string shortened(std::string_view text, std::size_t max_octets) {
    return replace_invalid_utf8(text.substr(0, max_octets)) + (text.size() > max_octets ? "..." : "");
}

std::string quoted(std::string_view text, std::size_t max_octets) {
    return '"' + shortened(text, max_octets) + '"';
}

}  // namespace proapi::http
