// Writes the body of a response as the head has announced it (RFC 9112 section 6): by a length, in chunks, or until the
// connection ends. The counterpart of BodyDecoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/output_queue.hpp"
#include "http/response.hpp"

namespace proapi::http {

class BodyEncoder {
public:
    // Of a response without a body.
    BodyEncoder() noexcept = default;
    explicit BodyEncoder(const ResponseHead& head) noexcept;

    // Appends the next octets of the body. In one piece: if the allocation fails, `output` has nothing of them.
    void write(base::Bytes octets, base::OutputQueue& output) const;
    // Appends what ends the body. Call once.
    void finish(base::OutputQueue& output) const;

    // Whether the head announces no length, so that the body may never end.
    [[nodiscard]] bool is_endless() const noexcept { return framing_ >= Framing::chunked; }
    // Whether the body is complete when the connection ends; a body that is cut short then looks complete, too, unless
    // the connection is reset.
    [[nodiscard]] bool ends_with_connection() const noexcept { return framing_ == Framing::until_close; }

private:
    enum class Framing : std::uint8_t { none, length, chunked, until_close };
    Framing framing_ = Framing::none;
};

// Returns "1a\r\n", for example: the prefix of a chunk of that size (> 0). "\r\n" follows the chunk; "0\r\n\r\n" ends
// the body.
[[nodiscard]] std::string chunk_prefix(std::size_t size_bytes);
inline constexpr std::string_view chunk_suffix = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace proapi::http
