// Inflates with zlib, which reads a payload in any pieces and writes into any room.
//
// A payload is a sequence of deflate blocks, without the last four octets of the empty block that ends it (section
// 7.2.1): finish() adds them. A block may be marked as the final one (section 7.2.3.4): what follows it begins another
// deflate stream, in which earlier octets can still be referred to.
#include "ws/inflater.hpp"

#include <zlib.h>

#include <array>
#include <memory>
#include <new>
#include <utility>

#include "base/stock.hpp"

namespace proapi::ws {
namespace {

constexpr std::array<std::uint8_t, 4> tail{0x00, 0x00, 0xFF, 0xFF};
constexpr std::size_t state_bytes = 7 * 1024;  // of a z_stream, besides the window
constexpr int after_block = 128;               // in z_stream::data_type, see zlib.h

class InflateStream {
public:
    explicit InflateStream(std::uint8_t window_bits) {
        // Negative: raw deflate, without a header.
        if (::inflateInit2(&stream_, -static_cast<int>(window_bits)) != Z_OK) throw std::bad_alloc{};
    }
    ~InflateStream() { ::inflateEnd(&stream_); }
    InflateStream(const InflateStream&) = delete;
    InflateStream& operator=(const InflateStream&) = delete;

    void forget() noexcept {
        static_cast<void>(::inflateReset(&stream_));
        is_after_block_ = is_after_final_block_ = false;
    }
    // Reads from `in` and writes to `room`, until one of them is used up.
    [[nodiscard]] Decoded inflate(base::Bytes in, base::MutableBytes room) {
        stream_.next_in = const_cast<Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = room.data();
        stream_.avail_out = static_cast<uInt>(room.size());
        DecodeStatus status = run();
        if (status == DecodeStatus::done && stream_.avail_out == 0) status = DecodeStatus::need_room;
        return {status, in.size() - stream_.avail_in, room.size() - stream_.avail_out};
    }
    // Whether the last octet read has ended a block.
    [[nodiscard]] bool is_after_block() const noexcept { return is_after_block_ || is_after_final_block_; }
    [[nodiscard]] bool is_after_final_block() const noexcept { return is_after_final_block_; }

private:
    [[nodiscard]] DecodeStatus run() {
        while (true) {
            if (stream_.avail_in > 0) is_after_final_block_ = false;
            switch (::inflate(&stream_, Z_SYNC_FLUSH)) {
                case Z_OK:
                    is_after_block_ = (stream_.data_type & after_block) != 0;
                    return DecodeStatus::done;
                case Z_BUF_ERROR:  // nothing to read or no room
                    return DecodeStatus::done;
                case Z_STREAM_END:
                    continue_after_final_block();
                    if (stream_.avail_in == 0) return DecodeStatus::done;
                    break;
                case Z_MEM_ERROR:
                    throw std::bad_alloc{};
                default:
                    return DecodeStatus::invalid;
            }
        }
    }
    // Begins another deflate stream with the window of this one. zlib.h declares the function without describing it;
    // copying the window out and in again would cost a peer two octets, and this thread microseconds.
    void continue_after_final_block() noexcept {
        static_cast<void>(::inflateResetKeep(&stream_));
        is_after_final_block_ = true;
    }

    z_stream stream_{};
    bool is_after_block_ = false, is_after_final_block_ = false;
};

// Streams with the largest window, for decoders that keep none between messages.
thread_local base::Stock<std::unique_ptr<InflateStream>, 4> stock;

class Inflater final : public MessageDecoder {
public:
    Inflater(const DeflateContext& peer, base::MemoryReservation memory) noexcept
        : memory_(std::move(memory)), peer_(peer) {}

    [[nodiscard]] std::uint8_t rsv_bits() const noexcept override { return rsv1; }

    [[nodiscard]] Decoded decode(base::Bytes payload, base::MutableBytes room) override {
        if (payload.empty() && !has_begun_) return {};
        has_begun_ = true;
        if (!stream_) {
            stream_ = peer_.takeover ? make_stream(peer_.window_bits)
                                     : stock.take([] { return make_stream(max_window_bits); });
        }
        return stream_->inflate(payload, room);
    }

    [[nodiscard]] Decoded finish(base::MutableBytes room) override {
        // An empty payload, and one that ends with a final block, are complete without the tail. Section 7.2.3.4 asks
        // for another octet after a final block, which some peers leave out.
        if (!has_begun_ || stream_->is_after_final_block()) return end_message({});
        Decoded decoded = stream_->inflate(base::Bytes(tail).subspan(tail_read_), room);
        tail_read_ += std::exchange(decoded.taken, 0);
        if (decoded.status != DecodeStatus::done) return decoded;
        if (!stream_->is_after_block()) decoded.status = DecodeStatus::invalid;  // the payload ended within a block
        return end_message(decoded);
    }

private:
    [[nodiscard]] Decoded end_message(Decoded decoded) noexcept {
        has_begun_ = false;
        tail_read_ = 0;
        if (stream_ && !peer_.takeover) {
            stream_->forget();
            stock.give_back(std::move(stream_));
        }
        return decoded;
    }

    base::MemoryReservation memory_;
    [[nodiscard]] static std::unique_ptr<InflateStream> make_stream(std::uint8_t window_bits) {
        return std::make_unique<InflateStream>(window_bits);
    }

    const DeflateContext peer_;
    std::unique_ptr<InflateStream> stream_;
    std::size_t tail_read_ = 0;
    bool has_begun_ = false;  // a message, with its first octet
};

}  // namespace

std::unique_ptr<MessageDecoder> make_inflater(const DeflateContext& peer, base::MemoryReservation memory) {
    return std::make_unique<Inflater>(peer, std::move(memory));
}

std::size_t inflater_memory(const DeflateContext& peer) noexcept {
    return peer.takeover ? state_bytes + (std::size_t{1} << peer.window_bits) : 0;
}

}  // namespace proapi::ws
