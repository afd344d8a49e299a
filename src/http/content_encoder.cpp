#include "http/content_encoder.hpp"

#include <stdexcept>

namespace proapi::http {

std::unique_ptr<ContentEncoder> make_encoder(ContentCoding coding, [[maybe_unused]] std::optional<std::uint64_t> size) {
    switch (coding) {
        case ContentCoding::gzip:
            return make_gzip_encoder();
#ifdef PROAPI_HAS_BROTLI
        case ContentCoding::br:
            return make_brotli_encoder(size);
#endif
#ifdef PROAPI_HAS_ZSTD
        case ContentCoding::zstd:
            return make_zstd_encoder(size);
#endif
        default:
            throw std::logic_error("expected a coding that responses are sent in");
    }
}

// As measured with parts of 64 KiB.
std::size_t encoder_memory(ContentCoding coding) noexcept {
    constexpr std::size_t kib = 1024;
    return (coding == ContentCoding::gzip ? 360 : coding == ContentCoding::br ? 1400 : 1800) * kib;
}

}  // namespace proapi::http
