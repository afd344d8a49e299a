// gzip (RFC 1952) and deflate (zlib's format, RFC 1950; some clients send RFC 1951 under that name).
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <limits>
#include <new>

#include "http/content_decoder.hpp"
#include "http/content_encoder.hpp"

namespace proapi::http {
namespace {

class GzipEncoder final : public ContentEncoder {
public:
    GzipEncoder() noexcept {
        ::isal_deflate_init(&stream_);
        stream_.gzip_flag = IGZIP_GZIP;
        stream_.level = 1;
        stream_.level_buf = tables_.data();
        stream_.level_buf_size = static_cast<std::uint32_t>(tables_.size());
    }

    void encode(base::Bytes part, Until until, std::string& out) override {
        stream_.flush = until == Until::later ? NO_FLUSH : SYNC_FLUSH;
        do {  // the library counts in 32 bits
            const std::size_t taken = std::min<std::size_t>(part.size(), std::numeric_limits<std::uint32_t>::max());
            stream_.next_in = const_cast<std::uint8_t*>(part.data());
            stream_.avail_in = static_cast<std::uint32_t>(taken);
            part = part.subspan(taken);
            stream_.end_of_stream = until == Until::end && part.empty() ? 1 : 0;
            write(out);
        } while (!part.empty());
    }

private:
    void write(std::string& out) {
        do {
            const std::size_t before = out.size();
            out.resize(before + coder_step_bytes);
            stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + before;
            stream_.avail_out = coder_step_bytes;
            const int result = ::isal_deflate(&stream_);
            assert(result == COMP_OK && "the parameters are valid");
            static_cast<void>(result);
            out.resize(before + coder_step_bytes - stream_.avail_out);
        } while (stream_.avail_out == 0);
    }

    isal_zstream stream_;
    alignas(64) std::array<std::uint8_t, ISAL_DEF_LVL1_MEDIUM> tables_;
};

enum class Format : std::uint8_t { gzip, deflate };

class ZlibDecoder final : public ContentDecoder {
public:
    explicit ZlibDecoder(Format format) : format_(format) {}
    ~ZlibDecoder() override { ::inflateEnd(&stream_); }
    ZlibDecoder(const ZlibDecoder&) = delete;
    ZlibDecoder& operator=(const ZlibDecoder&) = delete;

    [[nodiscard]] State decode(base::Bytes& input, std::size_t max_bytes, std::string& out) override {
        while (max_bytes > 0) {
            if (has_ended_ && (input.empty() || !begin_member())) return input.empty() ? State::may_end : State::failed;
            if (!is_open_ && (input.empty() || !open(input))) return State::need_data;
            const std::size_t before = out.size(), room = std::min(max_bytes, coder_step_bytes);
            out.resize(before + room);
            const std::size_t given = std::min<std::size_t>(input.size(), std::numeric_limits<uInt>::max());
            stream_.next_in = const_cast<Bytef*>(input.data());
            stream_.avail_in = static_cast<uInt>(given);
            stream_.next_out = reinterpret_cast<Bytef*>(out.data()) + before;
            stream_.avail_out = static_cast<uInt>(room);
            const int result = ::inflate(&stream_, Z_NO_FLUSH);
            const std::size_t produced = room - stream_.avail_out;
            out.resize(before + produced);
            input = input.subspan(given - stream_.avail_in);
            max_bytes -= produced;
            if (result == Z_MEM_ERROR) throw std::bad_alloc{};
            if (result == Z_STREAM_END) {
                has_ended_ = true;
                if (input.empty()) return State::may_end;
            } else if (result != Z_OK && result != Z_BUF_ERROR) {
                return State::failed;
            } else if (input.empty() && stream_.avail_out > 0) {
                return State::need_data;
            }
        }
        return State::full;
    }

private:
    // A gzip file may have several members (RFC 1952 section 2.2).
    [[nodiscard]] bool begin_member() noexcept {
        if (format_ == Format::deflate || ::inflateReset(&stream_) != Z_OK) return false;
        has_ended_ = false;
        return true;
    }
    [[nodiscard]] bool open(base::Bytes input) {
        constexpr int gzip_format = 16;  // as zlib.h says of windowBits
        int window_bits = gzip_format + MAX_WBITS;
        if (format_ == Format::deflate) window_bits = has_zlib_header(input) ? MAX_WBITS : -MAX_WBITS;
        if (::inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc{};
        is_open_ = true;
        return true;
    }
    // RFC 1950 section 2.2: the method is 8, and the window at most 32 KiB. A first block of RFC 1951 that begins so
    // would be a stored one with a padding that is not zero, which no compressor writes.
    [[nodiscard]] static bool has_zlib_header(base::Bytes input) noexcept {
        return (input.front() & 0x0F) == 8 && input.front() >> 4 <= 7;
    }

    const Format format_;
    z_stream stream_{};
    bool is_open_ = false, has_ended_ = false;
};

}  // namespace

std::unique_ptr<ContentEncoder> make_gzip_encoder() {
    return std::make_unique<GzipEncoder>();
}

std::unique_ptr<ContentDecoder> make_gzip_decoder() {
    return std::make_unique<ZlibDecoder>(Format::gzip);
}

std::unique_ptr<ContentDecoder> make_deflate_decoder() {
    return std::make_unique<ZlibDecoder>(Format::deflate);
}

}  // namespace proapi::http
