#include "service/log.hpp"

namespace proapi::service {

std::string escape_for_log(std::string_view text, std::size_t max_bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char character : text.substr(0, max_bytes)) {
        const auto octet = static_cast<unsigned char>(character);
        if (octet >= 0x20 && octet < 0x7f && octet != '\\') {
            out += character;
        } else {
            out += {'\\', 'x', digits[octet >> 4], digits[octet & 15]};
        }
    }
    if (text.size() > max_bytes) out += "...";
    return out;
}

}  // namespace proapi::service
