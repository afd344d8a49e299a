// Encodes the content of a response: gzip with ISA-L, br with Brotli, zstd with Zstandard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "http/content_coding.hpp"

namespace proapi::http {

// Encodes one content, part by part.
class ContentEncoder {
public:
    enum class Until : std::uint8_t {
        later,  // more follows; what is written so far need not be decodable
        flush,  // more follows, but the recipient can decode everything so far
        end,    // the last part
    };
    virtual ~ContentEncoder() = default;
    // Appends to `out`. Throws std::bad_alloc.
    virtual void encode(base::Bytes part, Until until, std::string& out) = 0;
};

// `coding` is not identity, not deflate, and built. `size` is the size of the content, if it is known: less memory is
// used for small ones.
[[nodiscard]] std::unique_ptr<ContentEncoder> make_encoder(ContentCoding coding, std::optional<std::uint64_t> size);

// The memory of an encoder of unknown size, in octets, about.
[[nodiscard]] std::size_t encoder_memory(ContentCoding coding) noexcept;

// Each in a file of its own.
[[nodiscard]] std::unique_ptr<ContentEncoder> make_gzip_encoder();
[[nodiscard]] std::unique_ptr<ContentEncoder> make_brotli_encoder(std::optional<std::uint64_t> size);
[[nodiscard]] std::unique_ptr<ContentEncoder> make_zstd_encoder(std::optional<std::uint64_t> size);

}  // namespace proapi::http
