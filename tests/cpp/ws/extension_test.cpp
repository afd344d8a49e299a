// ws/extension: the grammar of its field, the negotiation, and how a connection then treats payloads, tested with an
// extension of the tests (run_length.hpp).
#include "ws/extension.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/cpp/base/seed.hpp"
#include "tests/cpp/error_text.hpp"
#include "tests/cpp/ws/replay.hpp"
#include "tests/cpp/ws/run_length.hpp"
#include "ws/handshake.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;
using tests::RunLengthExtension;
using tests::take_all;

// ---- the field ----

std::string parsed(std::initializer_list<std::string_view> values) {
    const auto extensions = parse_extensions(std::vector<std::string_view>(values));
    if (!extensions) return "malformed";
    std::string text;
    for (const ListedExtension& one : *extensions) {
        text.append(text.empty() ? "" : " ").append(one.name);
        for (const ExtensionParameter& parameter : one.parameters)
            text.append("|").append(parameter.name).append(parameter.value ? "=" + *parameter.value : "");
    }
    return text;
}

// RFC 6455 section 9.1, with its examples.
TEST(ExtensionField, IsAListOfNamesWithParameters) {
    EXPECT_EQ(parsed({"deflate-stream"}), "deflate-stream");
    EXPECT_EQ(parsed({"mux; max-channels=4; flow-control, deflate-stream"}),
              "mux|max-channels=4|flow-control deflate-stream");
    EXPECT_EQ(parsed({"private-extension"}), "private-extension");
    EXPECT_EQ(parsed({"foo", "bar; baz=2"}), "foo bar|baz=2") << "two fields form one list";
    EXPECT_EQ(parsed({" a ;\tb\t=  \"c\"\t; d = e ;f"}), "a|b=c|d=e|f") << "white space between words";
    EXPECT_EQ(parsed({R"(a; b="c"; d="\e\f", g)"}), "a|b=c|d=ef g");
    EXPECT_EQ(parsed({"a, , b,"}), "a b") << "empty list elements are ignored";
    EXPECT_EQ(parsed({}), "");
}

TEST(ExtensionField, WhatIsMalformedIsRefused) {
    for (const std::string_view text :
         {"",      ",",        "a b",         ";a",        "a;",           "a;;b",         "a; b=",    "a; b= ",
          "a; =b", "a; b=c d", "a; b c=d",    "a; b=\"\"", "a; b=\"c d\"", "a; b=\"c,d\"", "a; b=\"c", "a; b=\"c\\\"",
          "\"a\"", "a=b",      "a; b=\"c\"d", "a\xc3\xa4"})
        EXPECT_EQ(parsed({text}), "malformed") << text;
    EXPECT_EQ(parsed({"a", ""}), "malformed") << "a field without an element";
}

// ---- the handshake ----

constexpr std::string_view key_of_the_rfc = "dGhlIHNhbXBsZSBub25jZQ==";

http::RequestHead head_with(std::initializer_list<std::string_view> extensions) {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/";
    head.headers = {{"Host", "a"},
                    {"Upgrade", "websocket"},
                    {"Connection", "upgrade"},
                    {"Sec-WebSocket-Key", std::string(key_of_the_rfc)},
                    {"Sec-WebSocket-Version", "13"}};
    for (const std::string_view value : extensions) head.headers.add("Sec-WebSocket-Extensions", value);
    return head;
}

std::string answer_to(std::initializer_list<std::string_view> extensions) {
    const auto agreement = accept_extension(head_with(extensions), RunLengthExtension());
    return agreement ? agreement->answer : "none";
}

TEST(ExtensionHandshake, TheServerTakesTheFirstOfferThatItAccepts) {
    EXPECT_EQ(answer_to({}), "none");
    EXPECT_EQ(answer_to({"x-test-runs"}), "x-test-runs");
    EXPECT_EQ(answer_to({"permessage-deflate, x-test-runs; longest=9"}), "x-test-runs; longest=9");
    EXPECT_EQ(answer_to({"x-test-runs; unknown, x-test-runs; longest=\"7\"", "x-test-runs"}), "x-test-runs; longest=7");
    EXPECT_EQ(answer_to({"x-test-runs; longest=0", "X-TEST-RUNS"}), "none");
}

TEST(ExtensionHandshake, AMalformedOfferIsRefused) {
    const http::RequestHead head = head_with({"x-test-runs; longest="});
    const auto refused = read_handshake(head);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status(), 400);
    EXPECT_EQ(refused.error().text,
              "expected extensions with parameters in Sec-WebSocket-Extensions, got \"x-test-runs; longest=\"");
    EXPECT_FALSE(accept_extension(head, RunLengthExtension()));
    EXPECT_TRUE(read_handshake(head_with({"other; a=b"}))) << "an unknown extension is declined";
}

std::string fault_of(std::string_view answer, const Extension* offered) {
    return error_text(
        check_accept_response(write_accept_response(key_of_the_rfc, "", {}, answer), key_of_the_rfc, offered));
}

TEST(ExtensionHandshake, TheClientChecksTheAnswer) {
    const RunLengthExtension plain, many("x-test-runs; short, x-test-runs");
    EXPECT_EQ(fault_of("", &plain), "") << "declined";
    EXPECT_EQ(fault_of("x-test-runs", &plain), "");
    EXPECT_EQ(fault_of("x-test-runs; short", &many), "");
    EXPECT_EQ(fault_of("x-test-runs", nullptr), "expected no extension, since none was offered; got one");
    for (const std::string_view answer :
         {"other", "x-test-runs, x-test-runs", "x-test-runs; short", "x-test-runs; longest=0", "x-test-runs;"})
        EXPECT_EQ(fault_of(answer, &plain),
                  "expected an answer to the extension offered, \"x-test-runs\", got \"" + std::string(answer) + "\"");
}

TEST(ExtensionHandshake, BothSidesAgree) {
    const RunLengthExtension extension("x-test-runs; longest=200; short");
    const std::string request = write_handshake_request("localhost", "/", key_of_the_rfc, {}, &extension);
    EXPECT_NE(request.find("\r\nSec-WebSocket-Extensions: x-test-runs; longest=200; short\r\n"), std::string::npos);
    const auto accepted = accept_extension(head_with({extension.offer()}), extension);
    ASSERT_TRUE(accepted);
    const std::string response = write_accept_response(key_of_the_rfc, "", {}, accepted->answer);
    EXPECT_NE(response.find("\r\nSec-WebSocket-Extensions: x-test-runs; longest=200; short\r\n"), std::string::npos);
    EXPECT_EQ(error_text(check_accept_response(response, key_of_the_rfc, &extension)), "");
    const auto confirmed = confirm_extension(response, extension);
    ASSERT_TRUE(confirmed);
    EXPECT_TRUE(confirmed->encoder && confirmed->decoder);
    EXPECT_FALSE(confirm_extension(write_accept_response(key_of_the_rfc, "", {}), extension)) << "declined";
}

// ---- payloads ----

Extension::Agreement agreement_of(std::string_view offer = "x-test-runs") {
    auto agreement = accept_extension(head_with({offer}), RunLengthExtension());
    EXPECT_TRUE(agreement);
    return std::move(*agreement);
}

// Returns a frame as the peer of `role` sends it: to a server with a masking key of zeros.
Octets frame_to(Role role, std::uint8_t first_octet, const Octets& payload) {
    Octets octets{first_octet, static_cast<std::uint8_t>(payload.size())};
    if (role == Role::server) {
        octets[1] |= 0x80;
        octets.insert(octets.end(), 4, 0);
    }
    octets.insert(octets.end(), payload.begin(), payload.end());
    return octets;
}

Octets in_a_row(std::initializer_list<Octets> frames) {
    Octets all;
    for (const Octets& one : frames) all.insert(all.end(), one.begin(), one.end());
    return all;
}

// Returns what a connection with the extension reports for `input`. Checks that any cut in two, and feeding octet by
// octet, does not change it.
std::vector<std::string> reports_of(const Octets& input, Role role = Role::server, std::uint64_t limit = 1 << 20) {
    const auto play = [&](const std::vector<std::size_t>& ends) {
        Connection connection{role, {.max_message_size_bytes = limit}, tests::sample_masking_key};
        connection.use_extension(agreement_of());
        std::vector<std::string> reports;
        std::size_t begin = 0;
        for (const std::size_t end : ends) {
            Octets piece(input.begin() + static_cast<std::ptrdiff_t>(begin),
                         input.begin() + static_cast<std::ptrdiff_t>(end));
            begin = end;
            connection.feed(piece);
            for (Event event = connection.next_event(); event.kind != EventKind::need_data;
                 event = connection.next_event()) {
                const char kind = "?mgpcf"[static_cast<std::size_t>(event.kind)];
                reports.push_back(kind + std::to_string(event.code) + " " + std::string(base::as_text(event.payload)));
            }
            EXPECT_LE(connection.buffered_input_bytes(), limit + 128)
                << "too much is held for a message that may be too large";
        }
        return reports;
    };
    const auto whole = play({input.size()});
    std::vector<std::size_t> every;
    for (std::size_t at = 1; at <= input.size(); ++at) {
        every.push_back(at);
        EXPECT_EQ(play({at, input.size()}), whole) << "cut at " << at;
    }
    EXPECT_EQ(play(every), whole) << "octet by octet";
    return whole;
}

using Reports = std::vector<std::string>;

TEST(Extension, PayloadsAreDecodedInBothRoles) {
    for (const Role role : {Role::server, Role::client}) {
        EXPECT_EQ(reports_of(frame_to(role, 0xC1, {0, 3, 'a', 0, 2, 'b'}), role), Reports{"m0 aaabb"});
        EXPECT_EQ(reports_of(frame_to(role, 0xC2, {}), role), Reports{"m0 "});
        EXPECT_EQ(reports_of(frame_to(role, 0xC2, {0x27, 0x10, 'x'}), role), Reports{"m0 " + std::string(10000, 'x')});
    }
}

TEST(Extension, AMessageWithoutItsBitsIsNotDecoded) {
    const Octets input = in_a_row({frame_to(Role::server, 0x81, {0, 3, 'a'}), frame_to(Role::server, 0xC1, {0, 3, 'a'}),
                                   frame_to(Role::server, 0x01, {'p'}), frame_to(Role::server, 0x80, {'q'})});
    EXPECT_EQ(reports_of(input), (Reports{std::string("m0 \0\3a", 6), "m0 aaa", "m0 pq"}));
}

// RFC 6455 section 5.4: control frames may come between the fragments and are not encoded.
TEST(Extension, FragmentsAreOnePayloadWithControlFramesBetween) {
    const Octets input = in_a_row({frame_to(Role::server, 0x41, {0}), frame_to(Role::server, 0x89, {'?'}),
                                   frame_to(Role::server, 0x00, {3, 'a', 0}), frame_to(Role::server, 0x00, {}),
                                   frame_to(Role::server, 0x8A, {'!'}), frame_to(Role::server, 0x80, {1, 'b'}),
                                   frame_to(Role::server, 0xC1, {0, 1, 'c'})});
    EXPECT_EQ(reports_of(input), (Reports{"g0 ?", "p0 !", "m0 aaab", "m0 c"}));
}

TEST(Extension, ItsBitsAreThoseOfAMessagesFirstFrame) {
    const std::string expected = "f1002 expected RSV bits 0, or 4 on the first frame of a message; got RSV ";
    for (const Role role : {Role::server, Role::client}) {
        EXPECT_EQ(reports_of(frame_to(role, 0xA1, {}), role), Reports{expected + "2 with opcode 1"});
        EXPECT_EQ(reports_of(frame_to(role, 0xD2, {}), role), Reports{expected + "5 with opcode 2"});
        EXPECT_EQ(reports_of(frame_to(role, 0xC9, {}), role), Reports{expected + "4 with opcode 9"});
        EXPECT_EQ(reports_of(frame_to(role, 0xC8, {}), role), Reports{expected + "4 with opcode 8"});
        EXPECT_EQ(reports_of(in_a_row({frame_to(role, 0x41, {}), frame_to(role, 0xC0, {})}), role),
                  Reports{expected + "4 with opcode 0"});
    }
}

// max_message_size limits the decoded message; the size of the encoded one does not count.
TEST(Extension, AMessageIsBoundedByWhatComesOut) {
    const Reports too_large{"f1009 expected at most 10 octets (max_message_size), got more after decoding"};
    const auto one = [](std::uint8_t count) { return frame_to(Role::server, 0xC2, {0, count, 'x'}); };
    EXPECT_EQ(reports_of(one(10), Role::server, 10), Reports{"m0 xxxxxxxxxx"});
    EXPECT_EQ(reports_of(one(11), Role::server, 10), too_large);
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC2, {0xFF, 0xFF, 'x', 0xFF, 0xFF, 'y'}), Role::server, 10),
              too_large);
    EXPECT_EQ(
        reports_of(in_a_row({frame_to(Role::server, 0x42, {0, 9, 'x', 0, 2}), frame_to(Role::server, 0x80, {'y'})}),
                   Role::server, 10),
        too_large);
    // 12 encoded octets become 4: the decoded message is shorter.
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 1, 'a', 0, 1, 'b', 0, 1, 'c', 0, 1, 'd'}), Role::server, 10),
              Reports{"m0 abcd"});
    EXPECT_EQ(reports_of(frame_to(Role::server, 0x82, Octets(11, 'x')), Role::server, 10),
              Reports{"f1009 expected at most 10 octets (max_message_size), got a frame of 11 after 0"})
        << "a message that is not encoded fails at its header";
}

TEST(Extension, WhatADecoderWritesIsWithinTheRoomThatItIsGiven) {
    tests::RunLengthDecoder decoder;
    std::array<std::uint8_t, 100> room;
    const Octets payload{0xFF, 0xFF, 'x', 0, 1, 'y'};
    base::Bytes rest(payload);
    std::size_t written = 0;
    DecodeStatus status = DecodeStatus::need_room;
    while (status == DecodeStatus::need_room) {
        const Decoded decoded = decoder.decode(rest, room);
        ASSERT_LE(decoded.written, room.size());
        rest = rest.subspan(decoded.taken);
        written += decoded.written;
        status = decoded.status;
    }
    EXPECT_EQ(status, DecodeStatus::done);
    EXPECT_EQ(written, 65535U);
    EXPECT_EQ(decoder.finish(room).written, 1U);
}

TEST(Extension, AnInvalidPayloadFailsTheConnection) {
    const std::string expected =
        "f1007 expected a payload as the negotiated extension encodes it, got something else after ";
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC2, {0, 0, 'x'})), Reports{expected + "0 octets of the message"});
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC2, {0, 2, 'x', 0})), Reports{expected + "2 octets of the message"});
}

// RFC 6455 section 8.1 applies to the decoded text.
TEST(Extension, TextIsCheckedAfterDecoding) {
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 1, 0xE2, 0, 1, 0x82, 0, 1, 0xAC})),
              Reports{"m0 \xe2\x82\xac"});
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 1, 'a', 0, 2, 0xE2})),
              Reports{"f1007 expected UTF-8 text, got 0xE2 at octet 2 of the message"});
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 1, 'a', 0, 1, 0xE2})),
              Reports{"f1007 expected UTF-8 text, got 2 octets that end inside a character"});
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 1, 0xFF, 0xFF, 0xFF, 'x'}), Role::server, 10),
              Reports{"f1007 expected UTF-8 text, got 0xFF at octet 0 of the message"})
        << "the first error decides";
    EXPECT_EQ(reports_of(frame_to(Role::server, 0xC1, {0, 10, 'x', 0, 1, 0xFF}), Role::server, 10),
              Reports{"f1009 expected at most 10 octets (max_message_size), got more after decoding"});
}

TEST(Extension, MessagesAreEncodedAndControlFramesAreNot) {
    Connection server{Role::server, {}};
    server.use_extension(agreement_of("x-test-runs; longest=2"));
    server.send_message(Opcode::text, base::as_bytes("aaab"));
    EXPECT_EQ(take_all(server.output()), (Octets{0xC1, 9, 0, 2, 'a', 0, 1, 'a', 0, 1, 'b'}));
    server.send_ping(base::as_bytes("aaa"));
    EXPECT_EQ(take_all(server.output()), (Octets{0x89, 3, 'a', 'a', 'a'}));
    SharedFrame shared(Opcode::text, base::as_bytes("aaa"));
    server.send_shared(shared);
    EXPECT_EQ(take_all(server.output()), (Octets{0xC1, 6, 0, 2, 'a', 0, 1, 'a'}));
    server.send_message(Opcode::text, base::as_bytes("aaa"), Encoding::none);
    EXPECT_EQ(take_all(server.output()), (Octets{0x81, 3, 'a', 'a', 'a'}));
    server.send_close(1000, "aaa");
    EXPECT_EQ(take_all(server.output()), (Octets{0x88, 5, 0x03, 0xE8, 'a', 'a', 'a'}));
    server.send_message(Opcode::text, base::as_bytes("late"));
    EXPECT_TRUE(server.output().empty());
}

TEST(Extension, AnEncoderMayLeaveAMessageAsItIs) {
    Connection server{Role::server, {}};
    server.use_extension(agreement_of("x-test-runs; short"));
    server.send_message(Opcode::text, base::as_bytes("aaaaaaa"));
    EXPECT_EQ(take_all(server.output()), (Octets{0x81, 7, 'a', 'a', 'a', 'a', 'a', 'a', 'a'}));
    server.send_message(Opcode::text, base::as_bytes("aaaaaaaa"));
    EXPECT_EQ(take_all(server.output()), (Octets{0xC1, 3, 0, 8, 'a'}));
}

TEST(Extension, BothRolesUnderstandEachOther) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    Connection server{Role::server, {}}, client{Role::client, {}, tests::sample_masking_key};
    server.use_extension(agreement_of());
    client.use_extension(agreement_of());
    for (int round = 0; round < 500; ++round) {
        const bool from_server = random.between(0, 1) == 0;
        Connection &from = from_server ? server : client, &to = from_server ? client : server;
        Octets message;
        for (std::size_t runs = random.between(0, 5); runs > 0; --runs)
            message.insert(message.end(), random.between(1, 30) * random.between(1, 30), random.octet());
        from.send_message(Opcode::binary, message);
        Octets wire = take_all(from.output());
        to.feed(wire);
        const Event event = to.next_event();
        ASSERT_EQ(event.kind, EventKind::message) << base::as_text(event.payload);
        ASSERT_EQ(Octets(event.payload.begin(), event.payload.end()), message);
        ASSERT_EQ(to.next_event().kind, EventKind::need_data);
        ASSERT_EQ(to.buffered_input_bytes(), 0U);
    }
}

// The encoder's state may already include a message that was never sent, so the peer's decoder could no longer follow.
TEST(Extension, AnEncoderThatHasFailedIsNotAskedAgain) {
    struct Failing final : MessageEncoder {
        std::optional<EncodedMessage> encode(Opcode, base::Bytes) override { throw std::bad_alloc{}; }
    };
    Connection server{Role::server, {}};
    server.use_extension({{}, std::make_unique<Failing>(), nullptr});
    EXPECT_THROW(server.send_message(Opcode::text, base::as_bytes("a")), std::bad_alloc);
    EXPECT_FALSE(server.encodes(1));
    server.send_message(Opcode::text, base::as_bytes("b"));
    EXPECT_EQ(take_all(server.output()), (Octets{0x81, 1, 'b'}));
}

}  // namespace
}  // namespace proapi::ws
