// br (RFC 7932). Not compiled without the library.
#include <brotli/decode.h>
#include <brotli/encode.h>

#include <algorithm>
#include <limits>
#include <new>

#include "http/content_decoder.hpp"
#include "http/content_encoder.hpp"

namespace proapi::http {
namespace {

// A client waits for the content, and the loop for the encoder, so not quality 11, which is for files that are encoded
// once. Quality 4 takes twice the time of 3 for 2 % less.
constexpr std::uint32_t brotli_quality = 3, brotli_window_bits = 18;

class BrotliEncoder final : public ContentEncoder {
public:
    explicit BrotliEncoder(std::optional<std::uint64_t> size)
        : state_(::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (!state_) throw std::bad_alloc{};
        ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, brotli_quality);
        ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, brotli_window_bits);
        constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
        if (size)
            ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_SIZE_HINT,
                                        static_cast<std::uint32_t>(std::min(*size, most)));
    }
    ~BrotliEncoder() override { ::BrotliEncoderDestroyInstance(state_); }
    BrotliEncoder(const BrotliEncoder&) = delete;
    BrotliEncoder& operator=(const BrotliEncoder&) = delete;

    void encode(base::Bytes part, Until until, std::string& out) override {
        const auto operation = until == Until::end     ? BROTLI_OPERATION_FINISH
                               : until == Until::flush ? BROTLI_OPERATION_FLUSH
                                                       : BROTLI_OPERATION_PROCESS;
        std::size_t available = part.size(), room = 0;
        const std::uint8_t* next = part.data();
        do {
            const std::size_t before = out.size();
            out.resize(before + coder_step_bytes);
            auto* end = reinterpret_cast<std::uint8_t*>(out.data()) + before;
            room = coder_step_bytes;
            const bool done = ::BrotliEncoderCompressStream(state_, operation, &available, &next, &room, &end,
                                                            nullptr) == BROTLI_TRUE;
            out.resize(before + coder_step_bytes - room);
            if (!done) throw std::bad_alloc{};
        } while (available > 0 || room == 0);
    }

private:
    BrotliEncoderState* state_;
};

class BrotliDecoder final : public ContentDecoder {
public:
    BrotliDecoder() : state_(::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (!state_) throw std::bad_alloc{};
    }
    ~BrotliDecoder() override { ::BrotliDecoderDestroyInstance(state_); }
    BrotliDecoder(const BrotliDecoder&) = delete;
    BrotliDecoder& operator=(const BrotliDecoder&) = delete;

    [[nodiscard]] State decode(base::Bytes& input, std::size_t max_bytes, std::string& out) override {
        while (max_bytes > 0) {
            if (::BrotliDecoderIsFinished(state_)) return input.empty() ? State::may_end : State::failed;
            std::size_t available = input.size(), no_room = 0;
            const std::uint8_t* next = input.data();
            const auto result = ::BrotliDecoderDecompressStream(state_, &available, &next, &no_room, nullptr, nullptr);
            input = input.subspan(input.size() - available);
            std::size_t size = max_bytes;
            const std::uint8_t* octets = ::BrotliDecoderTakeOutput(state_, &size);
            out.append(base::as_text({octets, size}));
            max_bytes -= size;
            if (result == BROTLI_DECODER_RESULT_ERROR) return check_error();
            if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT && !::BrotliDecoderHasMoreOutput(state_))
                return State::need_data;
        }
        return State::full;
    }

private:
    [[nodiscard]] State check_error() const {
        const auto code = ::BrotliDecoderGetErrorCode(state_);
        if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
            throw std::bad_alloc{};
        return State::failed;
    }

    BrotliDecoderState* state_;
};

}  // namespace

std::unique_ptr<ContentEncoder> make_brotli_encoder(std::optional<std::uint64_t> size) {
    return std::make_unique<BrotliEncoder>(size);
}

std::unique_ptr<ContentDecoder> make_brotli_decoder() {
    return std::make_unique<BrotliDecoder>();
}

}  // namespace proapi::http
