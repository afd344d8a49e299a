// Decodes the payloads of permessage-deflate (RFC 7692 section 7.2.2).
#pragma once

#include <cstdint>
#include <memory>

#include "base/compression_memory.hpp"
#include "ws/deflate_parameters.hpp"
#include "ws/extension.hpp"

namespace proapi::ws {

// `peer` is the peer's compressor. With a takeover the decoder keeps the peer's window from its first message on, about
// 2^window_bits octets and 7 KiB. Without, it holds memory only while a message is being decoded, and messages share
// the memory of their thread. A reference beyond a window smaller than 2^15 octets is invalid, except to octets that
// the same call of decode() has written, which zlib does not refuse.
//
// `memory` is kept as long as the decoder.
[[nodiscard]] std::unique_ptr<MessageDecoder> make_inflater(const DeflateContext& peer,
                                                            base::MemoryReservation memory = {});

// The memory that such a decoder keeps, in octets.
[[nodiscard]] std::size_t inflater_memory(const DeflateContext& peer) noexcept;

}  // namespace proapi::ws
