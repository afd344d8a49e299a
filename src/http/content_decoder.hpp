// Decodes the content of a request: gzip and deflate with zlib, br with Brotli, zstd with Zstandard. The caller bounds
// how much one call may produce, so that a few octets that stand for many do not fill the memory or take the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "http/content_coding.hpp"

namespace proapi::http {

class ContentDecoder {
public:
    enum class State : std::uint8_t {
        need_data,  // all of the input is used up; the content may not end here
        full,       // the output is full, and there may be more without more input
        may_end,    // all of the input is used up; the content may end here, or another member may follow
        failed,     // the input is not what its coding says
    };
    virtual ~ContentDecoder() = default;
    // Takes octets from the front of `input` and appends at most `max_bytes` (> 0) to `out`. Throws std::bad_alloc.
    [[nodiscard]] virtual State decode(base::Bytes& input, std::size_t max_bytes, std::string& out) = 0;
};

// `coding` is not identity, and built.
[[nodiscard]] std::unique_ptr<ContentDecoder> make_decoder(ContentCoding coding);

// Each in a file of its own.
[[nodiscard]] std::unique_ptr<ContentDecoder> make_gzip_decoder();
[[nodiscard]] std::unique_ptr<ContentDecoder> make_deflate_decoder();
[[nodiscard]] std::unique_ptr<ContentDecoder> make_brotli_decoder();
[[nodiscard]] std::unique_ptr<ContentDecoder> make_zstd_decoder();

}  // namespace proapi::http
