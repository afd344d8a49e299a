// A shared message: the octets of its frame, and its content.
#include "service/message.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace proapi::service {
namespace {

TEST(SharedMessage, IsOneUnmaskedFrameThatHoldsThePayload) {
    SharedMessage text(MessageKind::text, base::as_bytes("Hello"));
    EXPECT_EQ(base::as_text(text.frame().plain().bytes()), "\x81\x05Hello");
    EXPECT_EQ(text.view().kind, MessageKind::text);
    EXPECT_EQ(base::as_text(text.view().payload), "Hello");
    EXPECT_EQ(text.view().payload.data(), text.frame().plain().bytes().data() + 2) << "the payload must not be a copy";

    SharedMessage empty(MessageKind::binary, {});
    EXPECT_EQ(base::as_text(empty.frame().plain().bytes()), std::string_view("\x82\x00", 2));
    EXPECT_EQ(empty.view().kind, MessageKind::binary);
    EXPECT_TRUE(empty.view().payload.empty());
}

TEST(SharedMessage, KeepsItsOctetsForWhoeverHasTheFrame) {
    base::Slice frame;
    {
        SharedMessage large(MessageKind::binary, std::vector<std::uint8_t>(70'000, 'b'));
        frame = large.frame().plain();
        EXPECT_EQ(large.view().payload.size(), 70'000U);
    }
    EXPECT_EQ(frame.size(), 70'010U);
    EXPECT_EQ(frame.bytes().back(), 'b');
}

}  // namespace
}  // namespace proapi::service
