// ws/frame: headers that are written are parsed as the same, and each error is reported at the octet that shows it (RFC
// 6455 section 5.2).
#include "ws/frame.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace proapi::ws {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::array<Opcode, 6> all_opcodes{Opcode::continuation, Opcode::text, Opcode::binary,
                                            Opcode::close,        Opcode::ping, Opcode::pong};

Octets written(const FrameHeader& header) {
    Octets octets(max_frame_header_bytes);
    octets.resize(write_frame_header(header, octets.data()));
    return octets;
}

void expect_round_trip(const FrameHeader& header) {
    const Octets octets = written(header);
    FrameHeader read;
    std::size_t header_bytes = 0;
    for (std::size_t size = 0; size < octets.size(); ++size) {
        ASSERT_EQ(read_frame_header(base::Bytes{octets}.first(size), read, header_bytes), HeaderStatus::need_data);
    }
    Octets followed = octets;
    followed.insert(followed.end(), {0xFF, 0xFF, 0xFF});
    ASSERT_EQ(read_frame_header(followed, read, header_bytes), HeaderStatus::complete);
    ASSERT_EQ(header_bytes, octets.size());
    ASSERT_EQ(read.opcode, header.opcode);
    ASSERT_EQ(read.fin, header.fin);
    ASSERT_EQ(read.rsv, header.rsv);
    ASSERT_EQ(read.masked, header.masked);
    ASSERT_EQ(read.masking_key, header.masking_key);
    ASSERT_EQ(read.payload_length, header.payload_length);
}

TEST(FrameHeader, IsReadAsWritten) {
    constexpr auto longest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    for (const Opcode opcode : all_opcodes) {
        for (const bool fin : {true, false}) {
            for (std::uint8_t rsv = 0; rsv < 8; ++rsv) {
                for (const bool masked : {true, false}) {
                    for (const std::uint64_t length :
                         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{125}, std::uint64_t{126},
                          std::uint64_t{65535}, std::uint64_t{65536}, std::uint64_t{1} << 32, longest}) {
                        if (is_control(opcode) && (!fin || length > 125)) continue;
                        FrameHeader header{opcode, fin, rsv, masked, {}, length};
                        if (masked) header.masking_key = {1, 2, 3, 4};
                        ASSERT_NO_FATAL_FAILURE(expect_round_trip(header));
                    }
                }
            }
        }
    }
}

TEST(FrameHeader, EveryLengthUpTo70000) {
    for (std::uint64_t length = 0; length < 70000; ++length) {
        const Octets octets = written({Opcode::binary, true, 0, false, {}, length});
        ASSERT_EQ(octets.size(), length < 126 ? 2U : length < 65536 ? 4U : 10U);
        FrameHeader read;
        std::size_t header_bytes = 0;
        ASSERT_EQ(read_frame_header(octets, read, header_bytes), HeaderStatus::complete);
        ASSERT_EQ(read.payload_length, length);
    }
}

struct Fault {
    Octets octets;
    HeaderStatus status;
};

TEST(FrameHeader, FaultsAreToldAtTheOctetThatShowsThem) {
    const std::vector<Fault> faults{
        {{0x83}, HeaderStatus::reserved_opcode},
        {{0x07}, HeaderStatus::reserved_opcode},
        {{0x8B}, HeaderStatus::reserved_opcode},
        {{0x0F}, HeaderStatus::reserved_opcode},
        {{0x08}, HeaderStatus::fragmented_control},
        {{0x09}, HeaderStatus::fragmented_control},
        {{0x0A}, HeaderStatus::fragmented_control},
        {{0x88, 0x7E}, HeaderStatus::control_too_long},
        {{0x89, 0xFF}, HeaderStatus::control_too_long},
        {{0x82, 0x7E, 0x00, 0x7D}, HeaderStatus::non_minimal_length},
        {{0x82, 0xFE, 0x00, 0x00}, HeaderStatus::non_minimal_length},
        {{0x82, 0x7F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}, HeaderStatus::non_minimal_length},
        {{0x82, 0x7F, 0x80}, HeaderStatus::length_too_large},
        {{0x82, 0xFF, 0xFF}, HeaderStatus::length_too_large},
    };
    for (const Fault& fault : faults) {
        FrameHeader header;
        std::size_t header_bytes = 0;
        const base::Bytes octets{fault.octets};
        EXPECT_EQ(read_frame_header(octets.first(octets.size() - 1), header, header_bytes), HeaderStatus::need_data);
        EXPECT_EQ(read_frame_header(octets, header, header_bytes), fault.status);
        Octets longer = fault.octets;
        longer.resize(max_frame_header_bytes, 0);
        EXPECT_EQ(read_frame_header(longer, header, header_bytes), fault.status)
            << "the octets after it must not matter";
    }
}

TEST(FrameHeader, EveryFirstTwoOctets) {
    for (std::uint32_t value = 0; value < 65536; ++value) {
        Octets octets{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
        octets.resize(max_frame_header_bytes, 0x01);
        FrameHeader header;
        std::size_t header_bytes = 0;
        const HeaderStatus status = read_frame_header(octets, header, header_bytes);
        ASSERT_NE(status, HeaderStatus::need_data);
        if (status != HeaderStatus::complete) continue;
        const Octets again = written(header);
        ASSERT_EQ(again, Octets(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(header_bytes)));
    }
}

}  // namespace
}  // namespace proapi::ws
