// base/output_queue: order, sharing, and pieces that stay in place after gather() has returned them.
#include "base/output_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/cpp/base/seed.hpp"

namespace proapi::base {
namespace {

std::string contents(const OutputQueue& queue) {
    std::array<Bytes, 1024> entries;
    const std::size_t count = queue.gather(entries);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text.append(as_text(entries[i]));
    return text;
}

Slice slice_of(const std::string& text) {
    return Slice::copy(as_bytes(text));
}

TEST(OutputQueue, BeginsEmpty) {
    OutputQueue queue;
    Bytes entry;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.gather({&entry, 1}), 0U);
    queue.consume(0);
    queue.clear();
    EXPECT_EQ(queue.size_bytes(), 0U);
}

TEST(OutputQueue, KeepsTheOrder) {
    OutputQueue queue;
    queue.append("one ");
    queue.append(slice_of(std::string(5000, 's')));
    queue.append("two ");
    std::memcpy(queue.append_uninitialized(5), "three", 5);
    EXPECT_EQ(contents(queue), "one " + std::string(5000, 's') + "two three");
    EXPECT_EQ(queue.size_bytes(), 5013U);
}

TEST(OutputQueue, SmallPiecesGoTogether) {
    OutputQueue queue;
    for (int i = 0; i < 100; ++i) queue.append("0123456789");
    queue.append(slice_of("small"));
    std::array<Bytes, 8> entries;
    EXPECT_EQ(queue.gather(entries), 1U);
}

TEST(OutputQueue, LargeSlicesAreShared) {
    OutputQueue queue;
    const Slice slice = slice_of(std::string(10000, 'x'));
    queue.append(slice);
    Bytes entry;
    ASSERT_EQ(queue.gather({&entry, 1}), 1U);
    EXPECT_EQ(entry.data(), slice.bytes().data());
    queue.consume(4000);
    ASSERT_EQ(queue.gather({&entry, 1}), 1U);
    EXPECT_EQ(entry.data(), slice.bytes().data() + 4000);
    EXPECT_EQ(entry.size(), 6000U);
}

TEST(OutputQueue, GivesNoMoreEntriesThanAskedFor) {
    OutputQueue queue;
    for (int i = 0; i < 5; ++i) queue.append(slice_of(std::string(5000, 'x')));
    std::array<Bytes, 3> entries;
    EXPECT_EQ(queue.gather(entries), 3U);
}

TEST(OutputQueue, WhatWasShownStaysWhileMoreIsAppended) {
    OutputQueue queue;
    queue.append("in flight");
    Bytes shown;
    ASSERT_EQ(queue.gather({&shown, 1}), 1U);
    const std::size_t length = shown.size();
    for (int i = 0; i < 2000; ++i) queue.append("appended meanwhile");
    EXPECT_EQ(as_text(shown), "in flight");
    queue.consume(length);
    EXPECT_EQ(contents(queue).substr(0, 18), "appended meanwhile");
}

TEST(OutputQueue, ABlockIsFilledAgain) {
    OutputQueue queue;
    queue.append("first");
    Bytes first, second;
    ASSERT_EQ(queue.gather({&first, 1}), 1U);
    queue.consume(5);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(contents(queue), "");
    queue.append("second");
    ASSERT_EQ(queue.gather({&second, 1}), 1U);
    EXPECT_EQ(first.data(), second.data());
    EXPECT_EQ(contents(queue), "second");
}

TEST(OutputQueue, IsTheSameAsAString) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    OutputQueue queue;
    std::string model;
    for (int round = 0; round < 5000; ++round) {
        const std::string piece(random.between(0, 3000), static_cast<char>('a' + round % 26));
        switch (random.between(0, 4)) {
            case 0:
                queue.append(piece);
                model += piece;
                break;
            case 1:
                queue.append(slice_of(piece));
                model += piece;
                break;
            case 2: {
                std::uint8_t* room = queue.append_uninitialized(piece.size());
                if (!piece.empty()) std::memcpy(room, piece.data(), piece.size());
                model += piece;
                break;
            }
            default: {
                const std::size_t count = random.between(0, std::min<std::size_t>(model.size(), 5000));
                queue.consume(count);
                model.erase(0, count);
            }
        }
        ASSERT_EQ(queue.size_bytes(), model.size());
        ASSERT_EQ(queue.empty(), model.empty());
        if (round % 16 == 0) {
            ASSERT_EQ(contents(queue), model.substr(0, contents(queue).size()));
        }
    }
    while (!queue.empty()) {
        Bytes entry;
        ASSERT_EQ(queue.gather({&entry, 1}), 1U);
        ASSERT_EQ(as_text(entry), model.substr(0, entry.size()));
        queue.consume(entry.size());
        model.erase(0, entry.size());
    }
    EXPECT_TRUE(model.empty());
}

TEST(OutputQueue, MovesWhole) {
    OutputQueue queue;
    queue.append("moved");
    OutputQueue other = std::move(queue);
    EXPECT_EQ(contents(other), "moved");
    EXPECT_TRUE(queue.empty());  // NOLINT(bugprone-use-after-move): this is the promise
    queue.append(std::string_view("used again"));
    other = std::move(queue);
    EXPECT_EQ(contents(other), "used again");
    EXPECT_EQ(other.size_bytes(), 10U);
}

TEST(OutputQueue, WhatWasPreparedTakesWhatFollows) {
    OutputQueue queue;
    queue.append(std::string_view("before "));
    const std::string large(3 * OutputQueue::block_size_bytes, 'l');
    queue.prepare(large.size());
    EXPECT_EQ(contents(queue), "before ");
    queue.append(std::string_view(large).substr(0, 10));
    queue.append(std::string_view(large).substr(10));
    queue.drop_prepared();  // it is in use
    EXPECT_EQ(contents(queue), "before " + large);
}

TEST(OutputQueue, WhatWasPreparedInVainIsGivenBack) {
    OutputQueue queue;
    queue.prepare(10 * OutputQueue::block_size_bytes);
    queue.drop_prepared();
    EXPECT_TRUE(queue.empty());
    queue.append(std::string_view("one"));
    queue.prepare(10 * OutputQueue::block_size_bytes);
    queue.consume(1);
    queue.drop_prepared();
    EXPECT_EQ(contents(queue), "ne");
    queue.consume(2);
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace proapi::base
