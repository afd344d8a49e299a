// Feeds a Range field and the size of a file to read_byte_range().
// Oracle: a part is not empty and lies within the file. A request for its first to last octet returns the same part. A
// model that reads the numbers in another way computes the same range.
#include "service/byte_range.hpp"

#include <optional>

#include "target.hpp"

namespace proapi::fuzz {
namespace {

__extension__ using Wide = unsigned __int128;  // not part of ISO C++

// Reads digits only, below 2^64.
std::optional<Wide> model_number(std::string_view text) {
    Wide number = 0;
    if (text.empty()) return std::nullopt;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + static_cast<Wide>(c - '0');
        if (number > UINT64_MAX) return std::nullopt;
    }
    return number;
}

service::ByteRange model_range(std::string_view field, std::uint64_t size) {
    const service::ByteRange whole{service::RangeKind::whole, 0, size}, beyond{service::RangeKind::unsatisfiable, 0, 0};
    if (field.substr(0, 6) != "bytes=") return whole;
    const std::size_t dash = field.find('-');
    if (dash == std::string_view::npos) return whole;
    const std::string_view first_text = field.substr(6, dash - 6), last_text = field.substr(dash + 1);
    const auto first = model_number(first_text), last = model_number(last_text);
    if ((!first && !first_text.empty()) || (!last && !last_text.empty()) || (!first && !last)) return whole;
    if (first && last && *last < *first) return whole;
    // The end is one past the last octet of the part.
    const Wide begin = first ? *first : size - std::min<Wide>(*last, size);
    const Wide end = first && last ? std::min<Wide>(*last + 1, size) : Wide{size};
    if (begin >= end) return beyond;
    return {service::RangeKind::part, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end - begin)};
}

void check_same_range(const service::ByteRange& got, const service::ByteRange& expected, const char* rule,
                      std::string_view field) {
    check(got.kind == expected.kind && got.first == expected.first && got.length == expected.length, rule, field);
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(byte_range) {
    using namespace proapi;
    using namespace proapi::fuzz;
    std::uint64_t size = input.take_number<std::uint64_t>();
    size >>= input.take_octet() % 64;  // small files too
    const Block field(input.rest());
    const service::ByteRange range = service::read_byte_range(field.text(), size);
    check_same_range(range, model_range(field.text(), size), "the model reads the same range", field.text());
    if (range.kind != service::RangeKind::part) return;
    check(range.length > 0 && range.first < size && range.length <= size - range.first, "a part lies within the file",
          field.text());
    const std::string again =
        "bytes=" + std::to_string(range.first) + "-" + std::to_string(range.first + (range.length - 1));
    check_same_range(service::read_byte_range(again, size), range, "a part that is asked for again is the same", again);
}
