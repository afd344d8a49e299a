// The Range field of a request for one file (RFC 9110 section 14). Knows no file: its size is an argument.
#pragma once

#include <cstdint>
#include <string_view>

namespace proapi::service {

enum class RangeKind : std::uint8_t {
    whole,          // the field asks for nothing that is served in part: the whole file
    part,           // one range
    unsatisfiable,  // 416: the range lies beyond the file's end
};

struct ByteRange {
    RangeKind kind = RangeKind::whole;
    std::uint64_t first = 0, length = 0;  // within the file; of an unsatisfiable range, 0
};

// Reads the value of a Range field for a file of `size` octets. Several ranges, another unit than bytes, and a value
// that cannot be read return the whole file, as RFC 9110 section 14.2 allows.
[[nodiscard]] ByteRange read_byte_range(std::string_view field, std::uint64_t size) noexcept;

}  // namespace proapi::service
