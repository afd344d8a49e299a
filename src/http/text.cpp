#include "http/text.hpp"

#include "http/url.hpp"

namespace proapi::http {

std::string quoted(std::string_view text, std::size_t most_octets) {
    return '"' + replace_invalid_utf8(text.substr(0, most_octets)) + (text.size() > most_octets ? "...\"" : "\"");
}

}  // namespace proapi::http
