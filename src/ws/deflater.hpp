// Encodes the payloads of permessage-deflate (RFC 7692 section 7.2.1).
#pragma once

#include <cstddef>
#include <memory>

#include "base/compression_memory.hpp"
#include "ws/deflate_parameters.hpp"
#include "ws/extension.hpp"

namespace proapi::ws {

// `own` is this end's compressor. Messages of less than `threshold_bytes` are sent as they are.
//
// With a takeover the encoder keeps its window and tables for the connection (deflater_memory()). Without, it keeps
// nothing: messages share the memory of their thread, and one that would not become shorter is sent as it is. `memory`
// is kept as long as the encoder.
[[nodiscard]] std::unique_ptr<MessageEncoder> make_deflater(const DeflateContext& own, std::uint64_t threshold_bytes,
                                                            base::MemoryReservation memory = {});

// The memory that such an encoder keeps, in octets.
[[nodiscard]] std::size_t deflater_memory(const DeflateContext& own) noexcept;

}  // namespace proapi::ws
