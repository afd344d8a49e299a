// Messages on their own are compressed with ISA-L, those that refer to earlier ones with zlib: see
// docs/adr/0010-libraries-of-permessage-deflate.md.
//
// No block is marked as the final one. RFC 7692 allows it, but some clients fail on it.
#include "ws/deflater.hpp"

#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace proapi::ws {
namespace {

// Section 7.2.1: the octets that end the last, empty block; they are not sent.
constexpr std::size_t tail_bytes = 4;

// The libraries count in 32 bits.
constexpr std::size_t max_message_bytes = 1U << 30;

// The output of one message, until the next one of this thread.
thread_local std::vector<std::uint8_t> output;
constexpr std::size_t min_output_bytes = 4 * 1024, max_kept_output_bytes = 256 * 1024;

// Makes room for at least `size` octets.
void prepare_output(std::size_t size) {
    if (output.size() > max_kept_output_bytes) output = {};
    if (output.size() < size) output.resize(std::max(size, min_output_bytes));
}

[[nodiscard]] EncodedMessage make_message(std::size_t size) noexcept {
    assert(size >= tail_bytes && output[size - 1] == 0xFF && output[size - 2] == 0xFF && "a flush ends a message");
    return {base::Bytes(output).first(size - tail_bytes), rsv1};
}

// ---- without a takeover ---------------------------------------------------------------------------------------------

// The compressor of a thread.
struct MessageCompressor {
    static constexpr std::uint32_t level = 1;
    isal_zstream stream;
    alignas(64) std::array<std::uint8_t, ISAL_DEF_LVL1_MEDIUM> tables;

    MessageCompressor() noexcept { ::isal_deflate_init(&stream); }
};

class MessageDeflater final : public MessageEncoder {
public:
    MessageDeflater(std::uint8_t window_bits, std::uint64_t threshold_bytes) noexcept
        : threshold_bytes_(threshold_bytes), window_bits_(window_bits) {}

    [[nodiscard]] std::optional<EncodedMessage> encode(Opcode, base::Bytes message) override {
        if (message.size() < threshold_bytes_ || message.empty() || message.size() > max_message_bytes)
            return std::nullopt;
        thread_local const auto compressor = std::make_unique<MessageCompressor>();
        isal_zstream& stream = compressor->stream;
        ::isal_deflate_reset(&stream);
        stream.level = MessageCompressor::level;
        stream.level_buf = compressor->tables.data();
        stream.level_buf_size = static_cast<std::uint32_t>(compressor->tables.size());
        stream.hist_bits = window_bits_;
        stream.flush = SYNC_FLUSH;
        stream.end_of_stream = 0;
        prepare_output(message.size() + tail_bytes);
        stream.next_in = const_cast<std::uint8_t*>(message.data());
        stream.avail_in = static_cast<std::uint32_t>(message.size());
        stream.next_out = output.data();
        // A message that needs more room than this does not become shorter.
        stream.avail_out = static_cast<std::uint32_t>(message.size() + tail_bytes);
        const int result = ::isal_deflate(&stream);
        assert(result == COMP_OK && "the parameters are valid");
        static_cast<void>(result);
        if (stream.avail_out == 0) return std::nullopt;
        return make_message(stream.total_out);
    }
    [[nodiscard]] std::uint64_t variant() const noexcept override { return threshold_bytes_ << 8 | window_bits_; }

private:
    const std::uint64_t threshold_bytes_;
    const std::uint8_t window_bits_;
};

// ---- with a takeover ------------------------------------------------------------------------------------------------

constexpr int takeover_level = 6, takeover_memory_level = 5;

class TakeoverDeflater final : public MessageEncoder {
public:
    TakeoverDeflater(std::uint8_t window_bits, std::uint64_t threshold_bytes, MemoryReservation memory)
        : memory_(std::move(memory)), threshold_bytes_(threshold_bytes) {
        // Negative: raw deflate, without a header.
        if (::deflateInit2(&stream_, takeover_level, Z_DEFLATED, -static_cast<int>(window_bits), takeover_memory_level,
                           Z_DEFAULT_STRATEGY) != Z_OK)
            throw std::bad_alloc{};
    }
    ~TakeoverDeflater() override { ::deflateEnd(&stream_); }
    TakeoverDeflater(const TakeoverDeflater&) = delete;
    TakeoverDeflater& operator=(const TakeoverDeflater&) = delete;

    // A message that was compressed has to be sent so, even if it became longer: it is part of the window.
    [[nodiscard]] std::optional<EncodedMessage> encode(Opcode, base::Bytes message) override {
        if (message.size() < threshold_bytes_ || message.empty()) return std::nullopt;
        if (message.size() > max_message_bytes) return std::nullopt;
        prepare_output(message.size());
        stream_.next_in = const_cast<Bytef*>(message.data());
        stream_.avail_in = static_cast<uInt>(message.size());
        std::size_t size = 0;
        while (true) {
            stream_.next_out = output.data() + size;
            stream_.avail_out = static_cast<uInt>(output.size() - size);
            static_cast<void>(::deflate(&stream_, Z_SYNC_FLUSH));
            size = output.size() - stream_.avail_out;
            if (stream_.avail_out > 0) return make_message(size);
            output.resize(output.size() * 2);
        }
    }

private:
    MemoryReservation memory_;
    const std::uint64_t threshold_bytes_;
    z_stream stream_{};
};

}  // namespace

std::unique_ptr<MessageEncoder> make_deflater(const DeflateContext& own, std::uint64_t threshold_bytes,
                                              MemoryReservation memory) {
    if (own.takeover) return std::make_unique<TakeoverDeflater>(own.window_bits, threshold_bytes, std::move(memory));
    return std::make_unique<MessageDeflater>(own.window_bits, threshold_bytes);
}

// As zconf.h says of deflate, and its state.
std::size_t deflater_memory(const DeflateContext& own) noexcept {
    if (!own.takeover) return 0;
    return (std::size_t{1} << (own.window_bits + 2)) + (std::size_t{1} << (takeover_memory_level + 9)) + 6 * 1024;
}

}  // namespace proapi::ws
