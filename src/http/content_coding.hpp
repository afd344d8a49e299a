// Codings of a message's content (RFC 9110 sections 8.4 and 12.5.3): their names, and which of them a client accepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/error.hpp"
#include "http/headers.hpp"

namespace proapi::http {

enum class ContentCoding : std::uint8_t {
    identity,
    gzip,
    deflate,  // only decoded: some clients read it as RFC 1950, others as RFC 1951
    br,       // RFC 7932, if the library was built with Brotli
    zstd,     // RFC 8878, if the library was built with Zstandard
};

// As in Content-Encoding.
[[nodiscard]] std::string_view to_string(ContentCoding coding) noexcept;
// Whether the library was built with what the coding needs.
[[nodiscard]] bool is_built(ContentCoding coding) noexcept;
// What the library can decode, as a value of Accept-Encoding: "gzip, deflate, br, zstd".
[[nodiscard]] std::string_view decoded_codings() noexcept;

// Which coding is better if a client likes several equally.
enum class Prefer : std::uint8_t {
    small,  // zstd, br, gzip: zstd comes near the size of br in half of its time
    fast,   // gzip, zstd, br
};
// Returns the coding in which the client likes a response best, by its Accept-Encoding. identity if it accepts no
// other, or if the field is missing.
[[nodiscard]] ContentCoding choose_coding(const Headers& request, Prefer prefer);
// Returns the coding of a message's content. Fails with unknown_content_coding (415) if it has several, or one that the
// library can't decode.
[[nodiscard]] Result<ContentCoding> read_coding(const Headers& fields);

// How much the output of an encoder or a decoder grows at a time.
inline constexpr std::size_t coder_step_bytes = 16 * 1024;

}  // namespace proapi::http
