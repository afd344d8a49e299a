// zstd (RFC 8878). Not compiled without the library.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "http/content_decoder.hpp"
#include "http/content_encoder.hpp"

namespace proapi::http {
namespace {

constexpr int zstd_level = 3;
// Of a stream: what it refers to stays in memory at both ends.
constexpr int stream_window_bits = 18;
// RFC 9659 section 3: a recipient supports windows of 8 MiB, and refuses larger ones.
constexpr int max_window_bits = 23;

// Returns `result`; throws std::bad_alloc if it says so.
[[nodiscard]] std::size_t check_memory(std::size_t result) {
    if (::ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc{};
    return result;
}

class ZstdEncoder final : public ContentEncoder {
public:
    explicit ZstdEncoder(std::optional<std::uint64_t> size) : context_(::ZSTD_createCCtx()) {
        if (!context_) throw std::bad_alloc{};
        ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, zstd_level);
        ::ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, stream_window_bits);
        if (size) ::ZSTD_CCtx_setPledgedSrcSize(context_, *size);
    }
    ~ZstdEncoder() override { ::ZSTD_freeCCtx(context_); }
    ZstdEncoder(const ZstdEncoder&) = delete;
    ZstdEncoder& operator=(const ZstdEncoder&) = delete;

    void encode(base::Bytes part, Until until, std::string& out) override {
        const auto directive = until == Until::end     ? ZSTD_e_end
                               : until == Until::flush ? ZSTD_e_flush
                                                       : ZSTD_e_continue;
        ZSTD_inBuffer input{part.data(), part.size(), 0};
        std::size_t left = 0;
        do {
            const std::size_t before = out.size();
            out.resize(before + coder_step_bytes);
            ZSTD_outBuffer output{out.data() + before, coder_step_bytes, 0};
            left = check_memory(::ZSTD_compressStream2(context_, &output, &input, directive));
            out.resize(before + output.pos);
            if (::ZSTD_isError(left)) throw std::logic_error(::ZSTD_getErrorName(left));
        } while (until == Until::later ? input.pos < input.size : left > 0);
    }

private:
    ZSTD_CCtx* context_;
};

class ZstdDecoder final : public ContentDecoder {
public:
    ZstdDecoder() : context_(::ZSTD_createDCtx()) {
        if (!context_) throw std::bad_alloc{};
        ::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, max_window_bits);
    }
    ~ZstdDecoder() override { ::ZSTD_freeDCtx(context_); }
    ZstdDecoder(const ZstdDecoder&) = delete;
    ZstdDecoder& operator=(const ZstdDecoder&) = delete;

    [[nodiscard]] State decode(base::Bytes& input, std::size_t max_bytes, std::string& out) override {
        while (max_bytes > 0) {
            if (has_ended_ && input.empty()) return State::may_end;
            const std::size_t before = out.size(), room = std::min(max_bytes, coder_step_bytes);
            out.resize(before + room);
            ZSTD_inBuffer source{input.data(), input.size(), 0};
            ZSTD_outBuffer output{out.data() + before, room, 0};
            const std::size_t left = ::ZSTD_decompressStream(context_, &output, &source);
            out.resize(before + output.pos);
            input = input.subspan(source.pos);
            max_bytes -= output.pos;
            if (::ZSTD_isError(check_memory(left))) return State::failed;
            // 0: a frame has ended, and all of it is written; another may follow (RFC 8878 section 3.1).
            has_ended_ = left == 0;
            if (input.empty() && !has_ended_ && output.pos < room) return State::need_data;
        }
        return State::full;
    }

private:
    ZSTD_DCtx* context_;
    bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<ContentEncoder> make_zstd_encoder(std::optional<std::uint64_t> size) {
    return std::make_unique<ZstdEncoder>(size);
}

std::unique_ptr<ContentDecoder> make_zstd_decoder() {
    return std::make_unique<ZstdDecoder>();
}

}  // namespace proapi::http
