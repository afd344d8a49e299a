#include "ws/shared_frame.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace proapi::ws {
namespace {

base::Slice frame_payload(Opcode opcode, base::Bytes payload, std::uint8_t rsv) {
    FrameHeader header;
    header.opcode = opcode;
    header.rsv = rsv;
    header.payload_length = payload.size();
    std::array<std::uint8_t, max_frame_header_bytes> head;
    const std::size_t head_size = write_frame_header(header, head.data());
    const std::size_t size = head_size + payload.size();
    auto block = std::make_shared_for_overwrite<std::uint8_t[]>(size);
    std::memcpy(block.get(), head.data(), head_size);
    if (!payload.empty()) std::memcpy(block.get() + head_size, payload.data(), payload.size());
    const base::Bytes view{block.get(), size};
    return base::Slice{std::move(block), view};
}

}  // namespace

SharedFrame::SharedFrame(Opcode opcode, base::Bytes payload)
    : plain_(frame_payload(opcode, payload, 0)), payload_bytes_(payload.size()), opcode_(opcode) {}

const base::Slice& SharedFrame::encoded(MessageEncoder& encoder) {
    const std::uint64_t variant = encoder.variant();
    const auto found = std::ranges::find(encoded_, variant, &std::pair<std::uint64_t, base::Slice>::first);
    if (found != encoded_.end()) return found->second;
    const auto encoded = encoder.encode(opcode_, payload());
    return encoded_
        .emplace_back(variant, encoded ? frame_payload(opcode_, encoded->payload, encoded->rsv_bits) : plain_)
        .second;
}

}  // namespace proapi::ws
