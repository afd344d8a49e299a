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

namespace proapi::ws {
namespace {

// Section 7.2.1: the octets that end the last, empty block; they are not sent.
constexpr std::size_t tail_bytes = 4;

// The output of one message, until the next one of this thread.
class Output {
public:
    // Drops the output of a large message. Called for every message, also for one that is sent as it is.
    void release_large() noexcept {
        if (size_ <= max_kept_bytes) return;
        octets_.reset();
        size_ = 0;
    }
    // Makes room for at least `size` octets, of which the first `kept` stay.
    void prepare(std::size_t size, std::size_t kept = 0) {
        if (size_ >= size) return;
        const std::size_t larger = std::max(size, min_bytes);
        auto octets = std::make_unique_for_overwrite<std::uint8_t[]>(larger);
        std::copy_n(octets_.get(), kept, octets.get());
        octets_ = std::move(octets);
        size_ = larger;
    }
    [[nodiscard]] std::uint8_t* data() noexcept { return octets_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::size_t min_bytes = 4 * 1024, max_kept_bytes = 256 * 1024;
    std::unique_ptr<std::uint8_t[]> octets_;
    std::size_t size_ = 0;
};

thread_local Output output;

// The libraries count in 32 bits.
constexpr std::size_t max_message_bytes = 1U << 30;

[[nodiscard]] bool is_worth_it(std::size_t message_bytes, std::uint64_t threshold_bytes) noexcept {
    return message_bytes > 0 && message_bytes >= threshold_bytes && message_bytes <= max_message_bytes;
}

[[nodiscard]] EncodedMessage make_message(std::size_t size) noexcept {
    assert(size >= tail_bytes && output.data()[size - 1] == 0xFF && "a flush ends a message");
    return {{output.data(), size - tail_bytes}, rsv1};
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
        output.release_large();
        if (!takes(message.size())) return std::nullopt;
        thread_local const auto compressor = std::make_unique<MessageCompressor>();
        isal_zstream& stream = compressor->stream;
        ::isal_deflate_reset(&stream);
        stream.level = MessageCompressor::level;
        stream.level_buf = compressor->tables.data();
        stream.level_buf_size = static_cast<std::uint32_t>(compressor->tables.size());
        stream.hist_bits = window_bits_;
        stream.flush = SYNC_FLUSH;
        stream.end_of_stream = 0;
        output.prepare(message.size() + tail_bytes);
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
    [[nodiscard]] bool takes(std::size_t message_bytes) const noexcept override {
        return is_worth_it(message_bytes, threshold_bytes_);
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
    TakeoverDeflater(std::uint8_t window_bits, std::uint64_t threshold_bytes, base::MemoryReservation memory)
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
        output.release_large();
        if (!takes(message.size())) return std::nullopt;
        output.prepare(::deflateBound(&stream_, static_cast<uLong>(message.size())) + 2 * tail_bytes);
        stream_.next_in = const_cast<Bytef*>(message.data());
        stream_.avail_in = static_cast<uInt>(message.size());
        std::size_t size = 0;
        while (true) {
            stream_.next_out = output.data() + size;
            stream_.avail_out = static_cast<uInt>(output.size() - size);
            static_cast<void>(::deflate(&stream_, Z_SYNC_FLUSH));
            size = output.size() - stream_.avail_out;
            if (stream_.avail_out > 0) return make_message(size);
            output.prepare(output.size() * 2, size);
        }
    }
    [[nodiscard]] bool takes(std::size_t message_bytes) const noexcept override {
        return is_worth_it(message_bytes, threshold_bytes_);
    }

private:
    base::MemoryReservation memory_;
    const std::uint64_t threshold_bytes_;
    z_stream stream_{};
};

}  // namespace

std::unique_ptr<MessageEncoder> make_deflater(const DeflateContext& own, std::uint64_t threshold_bytes,
                                              base::MemoryReservation memory) {
    // zlib has no compressor with a window of 2^8 octets. A takeover is allowed, not required.
    if (own.takeover && own.window_bits > min_window_bits)
        return std::make_unique<TakeoverDeflater>(own.window_bits, threshold_bytes, std::move(memory));
    return std::make_unique<MessageDeflater>(own.window_bits, threshold_bytes);
}

// As zconf.h says of deflate, and its state.
std::size_t deflater_memory(const DeflateContext& own) noexcept {
    if (!own.takeover || own.window_bits == min_window_bits) return 0;
    return (std::size_t{1} << (own.window_bits + 2)) + (std::size_t{1} << (takeover_memory_level + 9)) + 6 * 1024;
}

}  // namespace proapi::ws
