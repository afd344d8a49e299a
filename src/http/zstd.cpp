// zstd (RFC 8878). Not compiled without the library.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>

#include "http/content_decoder.hpp"
#include "http/content_encoder.hpp"

namespace proapi::http {
namespace {

constexpr int zstd_level = 3;
// Of a stream: what it refers to stays in memory at both ends.
constexpr int stream_window_bits = 18;
// RFC 9659 section 3: a recipient supports windows of 8 MiB, and refuses larger ones.
constexpr int max_window_bits = 23;

// RFC 8878 sections 3.1.1 and 3.1.2; the low four bits of a skippable frame's first octet are free.
constexpr std::array<std::uint8_t, 4> frame_magic{0x28, 0xB5, 0x2F, 0xFD}, skippable_magic{0x50, 0x2A, 0x4D, 0x18};

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
            if (!check_magic_number(input)) return State::failed;
            const std::size_t before = out.size(), room = std::min(max_bytes, coder_step_bytes);
            out.resize(before + room);
            ZSTD_inBuffer source{input.data(), input.size(), 0};
            ZSTD_outBuffer output{out.data() + before, room, 0};
            const std::size_t left = ::ZSTD_decompressStream(context_, &output, &source);
            out.resize(before + output.pos);
            keep_header(input.first(source.pos));
            input = input.subspan(source.pos);
            max_bytes -= output.pos;
            frame_bytes_ += output.pos;
            if (::ZSTD_isError(check_memory(left))) return State::failed;
            // 0: a frame has ended, and all of it is written; another may follow (RFC 8878 section 3.1).
            has_ended_ = left == 0;
            if (has_ended_ && !end_frame()) return State::failed;
            if (input.empty() && !has_ended_ && output.pos < room) return State::need_data;
        }
        return State::full;
    }

private:
    // Checks what `input` has of the frame's magic number. The library also decodes the formats of before the RFC, and
    // what it makes of them depends on how the input is cut.
    [[nodiscard]] bool check_magic_number(base::Bytes input) {
        for (std::size_t i = 0; i < input.size() && magic_octets_ < frame_magic.size(); ++i, ++magic_octets_) {
            if (magic_octets_ == 0) is_skippable_ = (input[i] & 0xF0) == skippable_magic[0];
            const std::uint8_t expected = (is_skippable_ ? skippable_magic : frame_magic)[magic_octets_];
            if (input[i] != expected && !(magic_octets_ == 0 && is_skippable_)) return false;
        }
        return true;
    }

    void keep_header(base::Bytes taken) noexcept {
        const std::size_t count = std::min(taken.size(), header_.size() - header_octets_);
        std::copy_n(taken.begin(), count, header_.begin() + static_cast<std::ptrdiff_t>(header_octets_));
        header_octets_ += count;
    }

    // Returns whether the frame has the size that its header announces. The library checks that too, but not of every
    // frame that arrives in pieces.
    [[nodiscard]] bool end_frame() noexcept {
        const unsigned long long announced = ::ZSTD_getFrameContentSize(header_.data(), header_octets_);
        magic_octets_ = header_octets_ = 0;
        const std::uint64_t decoded = std::exchange(frame_bytes_, 0);
        return announced == ZSTD_CONTENTSIZE_UNKNOWN || announced == decoded;
    }

    ZSTD_DCtx* context_;
    std::array<std::uint8_t, 18> header_{};  // the longest has 18 octets (RFC 8878 section 3.1.1)
    std::size_t header_octets_ = 0;
    std::uint64_t frame_bytes_ = 0;  // decoded of the current frame
    std::size_t magic_octets_ = 0;   // of the current frame's magic number, that were checked
    bool is_skippable_ = false;
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
