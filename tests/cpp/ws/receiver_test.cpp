// ws/receiver: the text of the failure for each rule, and what it reads between the frames of a message. The vectors
// test that the rules hold under any cuts.
#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/ws/replay.hpp"
#include "ws/connection.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;

// Returns a frame as a client would send it, with a masking key of zeros.
Octets frame(std::uint8_t first_octet, std::string_view payload = "") {
    Octets octets{first_octet, static_cast<std::uint8_t>(0x80 | payload.size()), 0, 0, 0, 0};
    octets.insert(octets.end(), payload.begin(), payload.end());
    return octets;
}

Octets joined(std::initializer_list<Octets> frames) {
    Octets all;
    for (const Octets& one : frames) all.insert(all.end(), one.begin(), one.end());
    return all;
}

// Returns the code and the text of the failure that ends the session, or "none".
std::string failure_of(const Octets& input, const ConnectionLimits& limits = {}, Role role = Role::server) {
    const tests::Outcome outcome = tests::replay({role, limits, {}, input}, {}, tests::Handing::lend);
    if (outcome.events.empty() || outcome.events.back().kind != EventKind::failed) return "none";
    const tests::ToldEvent& failure = outcome.events.back();
    return std::to_string(failure.code) + " " + std::string(base::as_text(failure.payload));
}

// RFC 6455 section 5.2.
TEST(Receiver, ReservedBitsAreNamed) {
    EXPECT_EQ(failure_of(frame(0xC1)), "1002 expected RSV bits 0, since no extension was negotiated; got RSV 4");
    EXPECT_EQ(failure_of(frame(0xA1)), "1002 expected RSV bits 0, since no extension was negotiated; got RSV 2");
    EXPECT_EQ(failure_of(frame(0xF1)), "1002 expected RSV bits 0, since no extension was negotiated; got RSV 7");
}

TEST(Receiver, ReservedOpcodesAreNamed) {
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15})
        EXPECT_EQ(failure_of(frame(static_cast<std::uint8_t>(0x80 | opcode))),
                  "1002 expected opcode 0, 1, 2, 8, 9 or 10, got the reserved opcode " + std::to_string(opcode));
}

// Section 5.1.
TEST(Receiver, MaskingDependsOnTheRole) {
    EXPECT_EQ(failure_of({0x81, 0x01, 'a'}),
              "1002 expected a masked frame, since clients must mask; got an unmasked one");
    EXPECT_EQ(failure_of(frame(0x81, "a"), {}, Role::client),
              "1002 expected an unmasked frame, since servers must not mask; got a masked one");
    EXPECT_EQ(failure_of({0x81, 0x01, 'a'}, {}, Role::client), "none");
    EXPECT_EQ(failure_of(frame(0x81, "a")), "none");
}

// Section 5.4.
TEST(Receiver, MessagesDoNotInterleave) {
    EXPECT_EQ(failure_of(frame(0x80)),
              "1002 expected a new message, got a continuation frame, but no message has begun");
    EXPECT_EQ(failure_of(joined({frame(0x01), frame(0x82)})),
              "1002 expected a continuation of the unfinished message, got a new data frame of opcode 2");
    EXPECT_EQ(failure_of(joined({frame(0x81), frame(0x80)})),
              "1002 expected a new message, got a continuation frame, but no message has begun");
}

// Section 5.5.
TEST(Receiver, AControlFrameIsShortAndWhole) {
    EXPECT_EQ(failure_of(frame(0x09)), "1002 expected FIN on a control frame, got a fragment of opcode 9");
    EXPECT_EQ(failure_of({0x89, 0xFE, 0, 126}),
              "1002 expected a control frame of at most 125 octets, got a longer one");
    EXPECT_EQ(failure_of(frame(0x89, std::string(125, 'p'))), "none");
}

// Section 5.2: "the minimal number of bytes MUST be used", and the highest bit must be 0.
TEST(Receiver, LengthsAreMinimalAndBelow2To63) {
    constexpr std::string_view not_minimal = "1002 expected the payload length in its shortest form, got a longer form";
    EXPECT_EQ(failure_of({0x82, 0xFE, 0, 125}), not_minimal);
    EXPECT_EQ(failure_of({0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), not_minimal);
    EXPECT_EQ(failure_of({0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0}),
              "1002 expected a payload length below 2^63, got its highest bit set");
}

TEST(Receiver, AMessageThatIsTooLargeFailsAtItsHeader) {
    const ConnectionLimits limits{.max_message_size_bytes = 3};
    EXPECT_EQ(failure_of({0x82, 0x84, 0, 0, 0, 0}, limits),
              "1009 expected at most 3 octets (max_message_size), got a frame of 4 after 0");
    EXPECT_EQ(failure_of(joined({frame(0x02, "ab"), {0x80, 0x82, 0, 0, 0, 0}}), limits),
              "1009 expected at most 3 octets (max_message_size), got a frame of 2 after 2");
    EXPECT_EQ(failure_of(joined({frame(0x02, "ab"), frame(0x80, "c")}), limits), "none");
    EXPECT_EQ(failure_of(frame(0x89, "a longer ping"), limits), "none") << "the limit applies only to messages";
}

TEST(Receiver, FragmentsAreCountedAndEmptyOnesApart) {
    EXPECT_EQ(failure_of(joined({frame(0x02, "a"), frame(0x00, "b"), frame(0x80, "c")}), {.max_fragments = 2}),
              "1008 expected at most 2 fragments in a message (max_fragments), got more");
    EXPECT_EQ(failure_of(joined({frame(0x02), frame(0x00), frame(0x80, "c")}), {.max_empty_fragments = 1}),
              "1008 expected at most 1 empty fragments in a message (max_empty_fragments), got more");
    // Each message is counted separately, and a message in one frame is not counted at all.
    const Octets twice = joined({frame(0x02, "a"), frame(0x80, "b"), frame(0x02, "a"), frame(0x80, "b")});
    EXPECT_EQ(failure_of(twice, {.max_fragments = 2}), "none");
    EXPECT_EQ(failure_of(frame(0x82), {.max_fragments = 0, .max_empty_fragments = 0}), "none");
}

// Section 8.1. Octets are counted from 0 across all fragments.
TEST(Receiver, TextThatIsNotUtf8IsRefusedWithItsPlace) {
    EXPECT_EQ(failure_of(frame(0x81, "ab\xff")), "1007 expected UTF-8 text, got 0xFF at octet 2 of the message");
    EXPECT_EQ(failure_of(joined({frame(0x01, "ab"), frame(0x80, "c\xc0")})),
              "1007 expected UTF-8 text, got 0xC0 at octet 3 of the message");
    EXPECT_EQ(failure_of(frame(0x81, "\xe2\x82")),
              "1007 expected UTF-8 text, got 2 octets that end inside a character");
    EXPECT_EQ(failure_of(joined({frame(0x01, "\xe2"), frame(0x80, "\x82")})),
              "1007 expected UTF-8 text, got 2 octets that end inside a character");
    EXPECT_EQ(failure_of(joined({frame(0x01, "\xe2"), frame(0x80, "\x82\xac")})), "none");
    EXPECT_EQ(failure_of(frame(0x82, "\xff")), "none") << "binary data need not be UTF-8";
}

// Sections 5.5.1 and 7.4.
TEST(Receiver, ACloseHasACodeAndAReasonOrNothing) {
    using namespace std::string_view_literals;
    EXPECT_EQ(failure_of(frame(0x88, "x")),
              "1002 expected a Close without payload or with a code of 2 octets, got 1 octet");
    EXPECT_EQ(failure_of(frame(0x88, "\x03\xed"sv)),
              "1002 expected a close code of 1000-1003, 1007-1014 or 3000-4999, got 1005");
    EXPECT_EQ(failure_of(frame(0x88, "\0\0"sv)),
              "1002 expected a close code of 1000-1003, 1007-1014 or 3000-4999, got 0");
    EXPECT_EQ(failure_of(frame(0x88, "\x03\xe8ok\xfe"sv)),
              "1007 expected a UTF-8 close reason, got 0xFE at octet 2 of it");
    EXPECT_EQ(failure_of(frame(0x88, "\x03\xe8\xe2\x82"sv)),
              "1007 expected a UTF-8 close reason, got 2 octets that end inside a character");
    EXPECT_EQ(failure_of(frame(0x88)), "none");
}

// A reason of more than 123 octets would itself violate section 5.5.
TEST(Receiver, TheLongestReasonsFitIntoAClose) {
    constexpr std::uint64_t limit = (std::uint64_t{1} << 63) - 2;
    const Octets largest{0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
    EXPECT_EQ(failure_of(largest, {.max_message_size_bytes = limit}),
              "1009 expected at most 9223372036854775806 octets (max_message_size), got a frame of "
              "9223372036854775807 after 0");
    // Cut off at 123 octets; the limit is in the part that remains.
    const Octets after_a_fragment = joined({frame(0x02, std::string(100, 'a')), largest});
    Octets input = after_a_fragment;
    input[input.size() - largest.size()] = 0x80;
    const std::string words = failure_of(input, {.max_message_size_bytes = limit});
    EXPECT_TRUE(words.starts_with("1009 expected at most 9223372036854775806 octets (max_message_size)")) << words;
    EXPECT_LE(words.size(), std::string("1009 ").size() + max_close_reason_bytes);
}

TEST(Receiver, ControlFramesBetweenFragmentsAreToldAtOnce) {
    const Octets input =
        joined({frame(0x01, "a"), frame(0x89, "ping"), frame(0x00, "b"), frame(0x8A), frame(0x80, "c")});
    const tests::Outcome outcome = tests::replay({Role::server, {}, {}, input}, {}, tests::Handing::lend);
    const std::vector<tests::ToldEvent> expected{{EventKind::ping, Opcode::ping, 0, {'p', 'i', 'n', 'g'}},
                                                 {EventKind::pong, Opcode::pong, 0, {}},
                                                 {EventKind::message, Opcode::text, 0, {'a', 'b', 'c'}}};
    EXPECT_EQ(outcome.events, expected);
    EXPECT_EQ(outcome.output, (Octets{0x8A, 4, 'p', 'i', 'n', 'g'}));
}

// Section 1.4: "after receiving a Close frame, discard any further data received".
TEST(Receiver, ACloseEndsAnUnfinishedMessageAndAllThatFollows) {
    Connection connection{Role::server, {}};
    Octets input = joined({frame(0x02, std::string(100, 'm')), frame(0x88), frame(0x80, "rest"), frame(0x89)});
    connection.feed(input);
    EXPECT_EQ(connection.next_event().kind, EventKind::close);
    EXPECT_FALSE(connection.message_in_progress());
    EXPECT_EQ(connection.next_event().kind, EventKind::need_data);
    EXPECT_EQ(connection.buffered_input_bytes(), 0U);
}

TEST(Receiver, WhatIsStillToComeOfAMessagesFrameIsKnown) {
    Connection connection{Role::server, {}};
    EXPECT_EQ(connection.expected_payload_bytes(), 0U);
    Octets message = frame(0x82, std::string(100, 'm')), ping = frame(0x89, "ping");
    message.resize(message.size() - 30);
    connection.feed(message);
    EXPECT_EQ(connection.next_event().kind, EventKind::need_data);
    EXPECT_EQ(connection.expected_payload_bytes(), 30U);
    Octets rest(30, 'm');
    connection.feed(rest);
    EXPECT_EQ(connection.next_event().kind, EventKind::message);
    EXPECT_EQ(connection.expected_payload_bytes(), 0U);
    ping.pop_back();
    connection.feed(ping);
    EXPECT_EQ(connection.next_event().kind, EventKind::need_data);
    EXPECT_EQ(connection.expected_payload_bytes(), 0U) << "control frames are not counted";
}

}  // namespace
}  // namespace proapi::ws
