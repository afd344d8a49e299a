// The heap memory that the machine uses: none on the hot path, little when idle, and for an unfinished message at most
// 1.25 times its octets plus 4 KiB.
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>

#include "base/utf8.hpp"
#include "tests/cpp/replaced_new.hpp"
#include "tests/cpp/ws/replay.hpp"

namespace proapi::ws {
namespace {

using tests::allocated_bytes;
using tests::allocations;
using tests::Octets;

Octets masked_frame(Opcode opcode, base::Bytes payload, bool fin = true) {
    Octets octets(max_frame_header_bytes);
    octets.resize(write_frame_header({opcode, fin, 0, true, {0, 0, 0, 0}, payload.size()}, octets.data()));
    octets.insert(octets.end(), payload.begin(), payload.end());
    return octets;
}

// Returns what malloc has allocated, or 0 if a sanitizer has replaced it.
std::size_t heap_bytes() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

class Allocation : public testing::Test {
protected:
    // The first call in the process chooses the vector kernel, which allocates once.
    void SetUp() override { ASSERT_TRUE(base::is_valid_utf8(Octets(1000, 'x'))); }
};

TEST_F(Allocation, AnIdleConnectionIsSmall) {
    const std::size_t before = allocated_bytes;
    const Connection connection{Role::server, {}};
    const std::size_t size = sizeof connection + allocated_bytes - before;
    std::cout << "an idle connection: " << sizeof connection << " + " << allocated_bytes - before << " bytes\n";
    EXPECT_LT(size, 320U);
}

TEST_F(Allocation, WholeFramesTakeNothingAndAreNotCopied) {
    Octets input;
    for (const std::size_t size : {0U, 1U, 20U, 125U, 126U, 5000U, 65536U, 200000U}) {
        const Octets payload(size, 'x');
        for (const Opcode opcode : {Opcode::text, Opcode::binary}) {
            const Octets frame = masked_frame(opcode, payload);
            input.insert(input.end(), frame.begin(), frame.end());
        }
    }
    Connection connection{Role::server, {}};
    const std::size_t before = allocations;
    const std::size_t heap_before = heap_bytes();
    connection.feed(input);
    int messages = 0;
    bool views = true;
    while (true) {
        const Event event = connection.next_event();
        if (event.kind != EventKind::message) break;
        ++messages;
        views = views && event.payload.data() >= input.data() &&
                event.payload.data() + event.payload.size() <= input.data() + input.size();
    }
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(heap_bytes(), heap_before);
    EXPECT_EQ(messages, 16);
    EXPECT_TRUE(views) << "a payload must be a view of the buffer that was fed";
}

// The allocation is the queue's list of pieces. The block itself comes from the thread's pool and returns to it when it
// is drained.
TEST_F(Allocation, EchoingSmallMessagesTakesOneSmallAllocationATurn) {
    Connection connection{Role::server, {}};
    const Octets frame = masked_frame(Opcode::text, base::as_bytes("twenty octets of it."));
    std::size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
        Octets input = frame;
        if (i == 1) before = allocations;
        const std::size_t own = allocations;  // does not count the test's own copy
        connection.feed(input);
        const Event event = connection.next_event();
        connection.send_message(event.opcode, event.payload);
        ASSERT_EQ(connection.next_event().kind, EventKind::need_data);
        connection.output().consume(connection.output().size_bytes());
        if (i > 0) {
            ASSERT_LE(allocations, own + 1);
        }
    }
    EXPECT_GT(allocations, before);
}

// Feeds `pieces` frames of `size` octets of one message, and checks the heap after each.
void expect_bounded(std::size_t pieces, std::size_t size) {
    Octets payload(size, 'y');
    Octets first = masked_frame(Opcode::binary, payload, false);
    Octets next = masked_frame(Opcode::continuation, payload, false);
    const std::size_t before = heap_bytes();
    Connection connection{
        Role::server, {.max_message_size_bytes = 64U << 20U, .max_fragments = 1U << 30U, .max_empty_fragments = 1024}};
    std::size_t gathered = 0;
    for (std::size_t i = 0; i < pieces; ++i) {
        connection.feed(i == 0 ? first : next);
        ASSERT_EQ(connection.next_event().kind, EventKind::need_data);
        gathered += size;
        const auto cost = static_cast<double>(heap_bytes() - before);
        ASSERT_LE(cost, 1.25 * static_cast<double>(gathered) + 4096) << "after " << gathered << " octets";
        ASSERT_EQ(connection.buffered_input_bytes(), gathered);
    }
}

TEST_F(Allocation, AnUnfinishedMessageIsBounded) {
    if (heap_bytes() == 0) GTEST_SKIP() << "a sanitizer has replaced malloc";
    ASSERT_NO_FATAL_FAILURE(expect_bounded(65536, 1));
    ASSERT_NO_FATAL_FAILURE(expect_bounded(20000, 64));
    ASSERT_NO_FATAL_FAILURE(expect_bounded(300, 60000));
}

TEST_F(Allocation, AClaimedLengthTakesNothing) {
    Octets head(max_frame_header_bytes);
    head.resize(write_frame_header({Opcode::binary, true, 0, true, {}, 1024 * 1024}, head.data()));
    Connection connection{Role::server, {}};
    const std::size_t before = heap_bytes();
    const std::size_t news = allocations;
    connection.feed(head);
    const Event event = connection.next_event();
    EXPECT_EQ(event.kind, EventKind::need_data);
    EXPECT_EQ(allocations, news);
    EXPECT_EQ(heap_bytes(), before);
    EXPECT_TRUE(connection.message_in_progress());
}

TEST_F(Allocation, AFinishedMessageIsGivenBack) {
    Connection connection{Role::server, {}};
    Octets payload(100000, 'z');
    Octets first = masked_frame(Opcode::text, payload, false), last = masked_frame(Opcode::continuation, payload);
    const std::size_t before = heap_bytes();
    connection.feed(first);
    ASSERT_EQ(connection.next_event().kind, EventKind::need_data);
    EXPECT_EQ(connection.buffered_input_bytes(), payload.size());
    connection.feed(last);
    Event event = connection.next_event();
    ASSERT_EQ(event.kind, EventKind::message);
    EXPECT_EQ(event.payload.size(), 2 * payload.size());
    event = connection.next_event();
    ASSERT_EQ(event.kind, EventKind::need_data);
    EXPECT_EQ(heap_bytes(), before);
    EXPECT_EQ(connection.buffered_input_bytes(), 0U);
}

}  // namespace
}  // namespace proapi::ws
