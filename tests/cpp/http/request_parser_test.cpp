// Request heads: every vector as a whole, cut in two at every octet, and octet by octet, with equal results. Also what
// the vectors can't express: reuse after a head, no input after a refusal, and the state of an idle parser.
#include "http/request_parser.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;

HeadLimits make_head_limits(const Json& vector) {
    HeadLimits limits;
    if (!vector.contains("limits")) return limits;
    const Json& given = vector.at("limits");
    limits.max_request_line_bytes = given.value("max_request_line_bytes", limits.max_request_line_bytes);
    limits.max_head_bytes = given.value("max_head_bytes", limits.max_head_bytes);
    limits.max_fields = given.value("max_fields", limits.max_fields);
    return limits;
}

std::string_view name_of(BodyFraming framing) {
    switch (framing) {
        case BodyFraming::none:
            return "none";
        case BodyFraming::content_length:
            return "content_length";
        case BodyFraming::chunked:
            return "chunked";
    }
    return "?";
}

// Returns everything about a head as one text, to compare and to show.
std::string describe(const RequestHead& head) {
    std::string text = head.method + "|" + head.target + "|" + std::string{head.raw_path()} + "|" +
                       std::string{head.query()} + "|1." + std::to_string(head.minor_version) + "|" +
                       std::string{head.host()} + "|" + std::string{name_of(head.framing)} + "|" +
                       std::to_string(head.content_length) + (head.keep_alive ? "|keep" : "|close") +
                       (head.expects_continue ? "|expects" : "|");
    for (const Header field : head.headers) text.append("|").append(field.name).append(": ").append(field.value);
    return text;
}

// Returns the result of feeding: the state, the refusal, the head and how many octets were taken.
std::string outcome(RequestParser& parser, std::size_t taken) {
    switch (parser.state()) {
        case ParseState::need_data:
            return "need data";
        case ParseState::failed:
            return std::to_string(http::describe(parser.error()).status) + " " + error_text(parser.error());
        case ParseState::complete:
            return std::to_string(taken) + " taken: " + describe(parser.take_head());
    }
    return "?";
}

std::string parse_whole(const HeadLimits& limits, std::string_view bytes) {
    RequestParser parser{limits};
    const std::size_t taken = parser.feed(base::as_bytes(bytes));
    return outcome(parser, taken);
}

void expect_equal_however_cut(const HeadLimits& limits, std::string_view bytes) {
    const std::string whole = parse_whole(limits, bytes);
    for (const std::size_t cut : vectors::cuts(bytes.size())) {
        RequestParser parser{limits};
        const std::size_t taken = vectors::feed_in_two(parser, bytes, cut);
        ASSERT_EQ(outcome(parser, taken), whole) << "cut at " << cut;
    }
    for (const std::size_t piece_bytes : {1U, 2U, 3U, 7U}) {
        RequestParser parser{limits};
        const std::size_t taken = vectors::feed_in_pieces(parser, bytes, piece_bytes);
        ASSERT_EQ(outcome(parser, taken), whole) << "in pieces of " << piece_bytes;
    }
}

void expect_head(const RequestHead& head, const Json& expected) {
    EXPECT_EQ(head.method, vectors::octets(expected.at("method")));
    EXPECT_EQ(head.target, vectors::octets(expected.at("target")));
    EXPECT_EQ(head.raw_path(), vectors::octets(expected.at("raw_path")));
    EXPECT_EQ(head.host(), vectors::octets(expected.at("host")));
    EXPECT_EQ(head.query(), expected.contains("query") ? vectors::octets(expected.at("query")) : "");
    EXPECT_EQ(int{head.minor_version}, expected.value("minor_version", 1));
    EXPECT_EQ(name_of(head.framing), expected.value("framing", "none"));
    EXPECT_EQ(head.content_length, expected.value("content_length", std::uint64_t{0}));
    EXPECT_EQ(head.keep_alive, expected.value("keep_alive", true));
    EXPECT_EQ(head.expects_continue, expected.value("expects_continue", false));
    if (!expected.contains("headers")) return;
    std::vector<std::pair<std::string, std::string>> fields;
    for (const Header field : head.headers) fields.emplace_back(field.name, field.value);
    EXPECT_EQ(fields, vectors::pairs(expected.at("headers")));
}

TEST(RequestParser, AcceptsVectors) {
    for (const Json& vector : vectors::load("heads_accepted.json")) {
        const std::string bytes = vectors::octets(vector.at("bytes"));
        SCOPED_TRACE(vector.at("name").get<std::string>() + ": " + vectors::shown(bytes));
        const std::string rest = vector.contains("rest") ? vectors::octets(vector.at("rest")) : "";
        RequestParser parser{make_head_limits(vector)};
        // A connection uses one parser for all its requests: the second result must equal the first.
        for (int turn = 0; turn < 2; ++turn) {
            const std::size_t taken = parser.feed(base::as_bytes(bytes + rest));
            ASSERT_EQ(parser.state(), ParseState::complete) << error_text(parser.error());
            EXPECT_EQ(taken, bytes.size());
            expect_head(parser.take_head(), vector.at("expect"));
            EXPECT_EQ(parser.state(), ParseState::need_data);
            EXPECT_FALSE(parser.has_begun());
        }
        expect_equal_however_cut(make_head_limits(vector), bytes + rest);
        if (HasFatalFailure()) return;
    }
}

TEST(RequestParser, RefusesVectors) {
    for (const Json& vector : vectors::load("heads_refused.json")) {
        const std::string bytes = vectors::octets(vector.at("bytes"));
        SCOPED_TRACE(vector.at("name").get<std::string>() + ": " + vectors::shown(bytes));
        RequestParser parser{make_head_limits(vector)};
        static_cast<void>(parser.feed(base::as_bytes(bytes)));
        EXPECT_EQ(parser.state(), ParseState::failed);
        const auto [status, text] = http::describe(parser.error());
        EXPECT_EQ(status, vector.at("status").get<int>());
        EXPECT_FALSE(text.empty());
        // The text contains nothing from the peer that could break a log line.
        EXPECT_TRUE(is_field_value(text)) << text;
        EXPECT_EQ(parser.feed(base::as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 0U);
        EXPECT_EQ(parser.state(), ParseState::failed);
        expect_equal_however_cut(make_head_limits(vector), bytes);
        if (HasFatalFailure()) return;
    }
}

TEST(RequestParser, EveryPrefixOfAHeadNeedsMore) {
    const std::string bytes = "POST /a?b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\nX: y\r\n\r\n";
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        RequestParser parser{HeadLimits{}};
        EXPECT_EQ(parser.feed(base::as_bytes(std::string_view{bytes}.substr(0, length))), length);
        EXPECT_EQ(parser.state(), ParseState::need_data);
        EXPECT_EQ(parser.has_begun(), length > 0);
    }
}

TEST(RequestParser, PipelinedRequestsComeOutInOrder) {
    std::string bytes;
    for (int i = 0; i < 50; ++i) bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    RequestParser parser{HeadLimits{}};
    std::string_view rest = bytes;
    for (int i = 0; i < 50; ++i) {
        rest.remove_prefix(parser.feed(base::as_bytes(rest)));
        ASSERT_EQ(parser.state(), ParseState::complete);
        EXPECT_EQ(parser.feed(base::as_bytes(rest)), 0U);  // not before the head is taken
        EXPECT_EQ(parser.take_head().raw_path(), "/" + std::to_string(i));
    }
    EXPECT_TRUE(rest.empty());
}

TEST(RequestParser, OneEmptyLineIsTakenBeforeEachRequestAndIsNoBeginning) {
    RequestParser parser{HeadLimits{}};
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_EQ(parser.feed(base::as_bytes("\r\n")), 2U);
        EXPECT_FALSE(parser.has_begun());
        EXPECT_EQ(parser.feed(base::as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n")), 27U);
        ASSERT_EQ(parser.state(), ParseState::complete);
        EXPECT_EQ(parser.take_head().raw_path(), "/");
    }
}

TEST(RequestParser, RefusesAtTheOctetThatPassesALimit) {
    RequestParser line{HeadLimits{}};
    EXPECT_EQ(line.feed(base::as_bytes(std::string(8192, 'a'))), 8192U);
    EXPECT_EQ(line.state(), ParseState::need_data);
    EXPECT_EQ(line.feed(base::as_bytes("a")), 1U);
    EXPECT_EQ(http::describe(line.error()).status, 414);

    RequestParser head{HeadLimits{}};
    const std::string start = "GET / HTTP/1.1\r\nX: ";
    static_cast<void>(head.feed(base::as_bytes(start + std::string(16384 - start.size(), 'v'))));
    EXPECT_EQ(head.state(), ParseState::need_data);
    static_cast<void>(head.feed(base::as_bytes("v")));
    EXPECT_EQ(http::describe(head.error()).status, 431);
}

// Replaces one octet by each of the 256 values at each place. The result is always a head, a refusal or a need for
// more, and the same however the input is cut.
TEST(RequestParser, SurvivesEveryOctetAtEveryPlace) {
    const std::string bytes = "POST /a?b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\n";
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int octet = 0; octet < 256; ++octet) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(octet);
            RequestParser by_octet{HeadLimits{}};
            const std::size_t taken = vectors::feed_in_pieces(by_octet, changed, 1);
            ASSERT_EQ(outcome(by_octet, taken), parse_whole(HeadLimits{}, changed)) << vectors::shown(changed);
        }
    }
}

TEST(RequestParser, UnboundedLimitsAreNoLimits) {
    HeadLimits limits;
    limits.max_request_line_bytes = limits.max_head_bytes = limits.max_fields = std::numeric_limits<std::size_t>::max();
    RequestParser parser{limits};
    const std::string bytes = "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(parser.feed(base::as_bytes(bytes)), bytes.size());
    EXPECT_EQ(parser.state(), ParseState::complete);
}

}  // namespace
}  // namespace proapi::http
