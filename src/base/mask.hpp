// The masking of RFC 6455 section 5.3: octet i of the payload is XORed with octet i mod 4 of the key. Applying it twice
// restores the original. Must not know frames; `offset` is the position of a piece in its payload.
#pragma once

#include <array>

#include "base/bytes.hpp"

namespace proapi::base {

// Masks or unmasks `piece` in place; the piece begins `offset` octets into the payload.
void apply_mask(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept;

// The same, octet by octet as in the RFC: the reference for tests of the fast version.
void apply_mask_scalar(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept;

}  // namespace proapi::base
