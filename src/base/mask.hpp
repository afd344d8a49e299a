// The masking of RFC 6455 section 5.3: octet i of the payload is XORed with octet i mod 4 of the key.
// Applying it twice gives the original. Must not know frames; `offset` says where in a payload a piece begins.
#pragma once

#include <array>

#include "base/bytes.hpp"

namespace proapi::base {

// Masks or unmasks `piece`, which begins `offset` octets into the payload, in place.
void apply_mask(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept;

// The same, an octet at a time as the RFC writes it: what tests hold the fast one against.
void apply_mask_scalar(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept;

}  // namespace proapi::base
