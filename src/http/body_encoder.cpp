#include "http/body_encoder.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace proapi::http {

BodyEncoder::BodyEncoder(const ResponseHead& head) noexcept {
    if (head.content_length) {
        framing_ = Framing::length;
    } else {
        framing_ = streams_in_chunks(head) ? Framing::chunked : Framing::until_close;
    }
}

void BodyEncoder::write(base::Bytes octets, base::OutputQueue& output) const {
    if (octets.empty()) return;  // a chunk of no octets would end the body
    if (framing_ != Framing::chunked) return output.append(octets);
    const std::string prefix = chunk_prefix(octets.size());
    std::uint8_t* place = output.append_uninitialized(prefix.size() + octets.size() + chunk_suffix.size());
    place = std::ranges::copy(prefix, place).out;
    place = std::ranges::copy(octets, place).out;
    std::ranges::copy(chunk_suffix, place);
}

void BodyEncoder::finish(base::OutputQueue& output) const {
    if (framing_ == Framing::chunked) output.append(last_chunk);
}

std::string chunk_prefix(std::size_t size_bytes) {
    std::array<char, 2 * sizeof size_bytes> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), size_bytes, 16);
    static_cast<void>(error);  // every size fits
    std::string prefix{digits.data(), end};
    prefix.append("\r\n");
    return prefix;
}

}  // namespace proapi::http
