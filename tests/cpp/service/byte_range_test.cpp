// Range fields, and the range that each of them selects in files of several sizes.
#include "service/byte_range.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

constexpr std::uint64_t max_size = UINT64_MAX;

TEST(ByteRange, ReadsOneRange) {
    struct Row {
        const char* field;
        std::uint64_t size, first, length;
    };
    for (const Row& row : {
             Row{"bytes=0-0", 10, 0, 1},
             Row{"bytes=2-4", 10, 2, 3},
             Row{"bytes=2-", 10, 2, 8},
             Row{"bytes=9-9", 10, 9, 1},
             Row{"bytes=2-99", 10, 2, 8},
             Row{"bytes=-3", 10, 7, 3},
             Row{"bytes=-99", 10, 0, 10},
             Row{"bytes=0-18446744073709551615", max_size, 0, max_size},
             Row{"bytes=-18446744073709551615", max_size, 0, max_size},
             Row{"bytes=18446744073709551614-", max_size, max_size - 1, 1},
         }) {
        const ByteRange range = read_byte_range(row.field, row.size);
        EXPECT_EQ(range.kind, RangeKind::part) << row.field;
        EXPECT_EQ(range.first, row.first) << row.field;
        EXPECT_EQ(range.length, row.length) << row.field;
    }
}

TEST(ByteRange, TakesWhatItCannotReadForTheWhole) {
    for (const char* field : {"", "bytes", "bytes=", "bytes=-", "bytes=2", "bytes=4-2", "bytes=a-", "bytes=-a",
                              "bytes=1-2,4-5", "bytes= 1-2", "bytes=1 -2", "bytes=+1-2", "bytes=1--2", "Bytes=1-2",
                              "octets=1-2", "bytes=18446744073709551616-", "bytes=0-18446744073709551616"}) {
        const ByteRange range = read_byte_range(field, 10);
        EXPECT_EQ(range.kind, RangeKind::whole) << field;
        EXPECT_EQ(range.first, 0U) << field;
        EXPECT_EQ(range.length, 10U) << field;
    }
}

TEST(ByteRange, RefusesWhatLiesBeyondTheEnd) {
    for (const char* field : {"bytes=10-", "bytes=10-20", "bytes=18446744073709551615-", "bytes=-0"})
        EXPECT_EQ(read_byte_range(field, 10).kind, RangeKind::unsatisfiable) << field;
    for (const char* field : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"})
        EXPECT_EQ(read_byte_range(field, 0).kind, RangeKind::unsatisfiable) << field;
}

}  // namespace
}  // namespace proapi::service
