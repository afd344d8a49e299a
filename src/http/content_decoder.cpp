#include "http/content_decoder.hpp"

#include <stdexcept>

namespace proapi::http {

std::unique_ptr<ContentDecoder> make_decoder(ContentCoding coding) {
    switch (coding) {
        case ContentCoding::gzip:
            return make_gzip_decoder();
        case ContentCoding::deflate:
            return make_deflate_decoder();
#ifdef PROAPI_HAS_BROTLI
        case ContentCoding::br:
            return make_brotli_decoder();
#endif
#ifdef PROAPI_HAS_ZSTD
        case ContentCoding::zstd:
            return make_zstd_decoder();
#endif
        default:
            throw std::logic_error("expected a coding that requests may use");
    }
}

}  // namespace proapi::http
