// service/log: a peer's octets can neither forge a line of the log nor control the terminal that shows it.
#include "service/log.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

TEST(Log, PrintableAsciiStaysAndEveryOtherOctetIsEscaped) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned octet = 0; octet < 256; ++octet) {
        const std::string text(1, static_cast<char>(octet));
        const bool stays = octet >= 0x20 && octet < 0x7f && octet != '\\';
        const std::string escaped{'\\', 'x', digits[octet >> 4], digits[octet & 15]};
        EXPECT_EQ(escape_for_log(text), stays ? text : escaped) << octet;
    }
}

TEST(Log, ALineEndOfAPeerBeginsNoLine) {
    EXPECT_EQ(escape_for_log("/a\r\nERROR: forged"), "/a\\x0d\\x0aERROR: forged");
}

TEST(Log, AnEscapeSequenceDoesNotReachTheTerminal) {
    EXPECT_EQ(escape_for_log("\x1b[2J"), "\\x1b[2J");
    EXPECT_EQ(escape_for_log("\xc2\x9b"
                             "2J"),
              "\\xc2\\x9b2J");
}

// So a peer that sends the text of an escape is distinguished from one that sends the octet.
TEST(Log, ABackslashIsEscapedToo) {
    EXPECT_EQ(escape_for_log("\\x0a"), "\\x5cx0a");
    EXPECT_NE(escape_for_log("\\x0a"), escape_for_log("\n"));
}

TEST(Log, ALongTextIsCutAndSaysSo) {
    EXPECT_EQ(escape_for_log(std::string(256, 'a')), std::string(256, 'a'));
    EXPECT_EQ(escape_for_log(std::string(257, 'a')), std::string(256, 'a') + "...");
    EXPECT_EQ(escape_for_log("abc", 3), "abc");
    EXPECT_EQ(escape_for_log("abcd", 3), "abc...");
    EXPECT_EQ(escape_for_log("\n\n", 1), "\\x0a...") << "the limit counts octets of the text, not of its escapes";
    EXPECT_EQ(escape_for_log("a", 0), "...");
    EXPECT_EQ(escape_for_log("", 0), "");
}

}  // namespace
}  // namespace proapi::service
