// Parses the Range field of a request for one file (RFC 9110 section 14). Does not access the file; the caller passes
// its size.
#pragma once

#include <cstdint>
#include <string_view>

namespace proapi::service {

enum class RangeKind : std::uint8_t {
    whole,          // send the whole file: the field selects nothing that can be served in part
    part,           // one range
    unsatisfiable,  // answer 416: the range lies beyond the end of the file
};

struct ByteRange {
    RangeKind kind = RangeKind::whole;
    std::uint64_t first = 0, length = 0;  // within the file; 0 for an unsatisfiable range
};

// Parses the value of a Range field for a file of `size` octets. Returns the whole file for several ranges, for a unit
// other than bytes, and for a malformed value, as RFC 9110 section 14.2 allows.
[[nodiscard]] ByteRange read_byte_range(std::string_view field, std::uint64_t size) noexcept;

}  // namespace proapi::service
