// The work grows linearly with the input, not with its square, however it is cut. It is counted in octets searched and
// allocated, so that the result is the same on a busy machine. Four times the input may cost up to six times the work;
// a parser that starts again at each piece would cost sixteen times.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "http/body_decoder.hpp"
#include "http/body_encoder.hpp"
#include "http/form.hpp"
#include "http/forwarded.hpp"
#include "http/router.hpp"
#include "http/url.hpp"
#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"
#include "work_count.hpp"

namespace proapi::http {
namespace {

constexpr std::size_t in_one_piece = SIZE_MAX;

std::string repeat(std::string_view text, std::size_t size_bytes) {
    std::string all;
    while (all.size() < size_bytes) all += text;
    return all;
}

std::uint64_t work_of(const std::function<void()>& task) {
    reset_work();
    task();
    return work_done().total();
}

using Task = std::function<void(const std::string& input)>;

void expect_linear(const std::string& name, const Task& task, const std::function<std::string(std::size_t)>& input) {
    constexpr std::size_t size_bytes = 32'768;
    const std::string small = input(size_bytes), large = input(4 * size_bytes);
    const std::uint64_t small_work = work_of([&] { task(small); });
    const std::uint64_t large_work = work_of([&] { task(large); });
    ASSERT_GT(small_work, 0U) << name;
    EXPECT_LE(large_work, 6 * small_work) << name;
}

bool counts_searches() {
    const std::string text(100, 'a');
    std::size_t (std::string_view::* volatile find)(char, std::size_t) const noexcept = &std::string_view::find;
    reset_work();
    static_cast<void>((std::string_view{text}.*find)('b', 0));
    return work_done().searched_bytes >= 100;
}

void parse_head(const std::string& head, std::size_t piece_bytes) {
    constexpr std::size_t no_limit = std::size_t{1} << 30;
    RequestParser parser{HeadLimits{no_limit, no_limit, no_limit}};
    ASSERT_EQ(vectors::feed_in_pieces(parser, head, piece_bytes), head.size());
    ASSERT_EQ(parser.state(), ParseState::complete) << error_text(parser.error());
    static_cast<void>(parser.take_head());
}

void decode_chunked(const std::string& body, std::size_t piece_bytes) {
    RequestHead head;
    head.framing = BodyFraming::chunked;
    BodyLimits limits;
    limits.max_trailer_bytes = limits.max_trailer_fields = std::size_t{1} << 30;
    BodyDecoder decoder{head, limits};
    ASSERT_EQ(vectors::feed_in_pieces(decoder, body, piece_bytes), body.size());
    ASSERT_EQ(decoder.state(), ParseState::complete) << error_text(decoder.error());
}

TEST(LinearTime, SearchesAreCounted) {
    if (!counts_searches()) GTEST_SKIP() << "this build does not call memchr by name; allocations are still counted";
    reset_work();
    const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(10'000, 'v') + "\r\n\r\n";
    parse_head(head, in_one_piece);
    EXPECT_GE(work_done().searched_bytes, head.size());
}

TEST(LinearTime, Heads) {
    const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
    const std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> inputs{
        {"one long value", [&](std::size_t n) { return start + "X: " + std::string(n, 'v') + "\r\n\r\n"; }},
        {"one long name", [&](std::size_t n) { return start + std::string(n, 'n') + ": v\r\n\r\n"; }},
        {"many fields", [&](std::size_t n) { return start + repeat("A: b\r\n", n) + "\r\n"; }},
        {"white space", [&](std::size_t n) { return start + "X:" + std::string(n, ' ') + "v\r\n\r\n"; }},
        {"a long list", [&](std::size_t n) { return start + "Connection: " + repeat("a,", n) + "\r\n\r\n"; }},
        {"commas", [&](std::size_t n) { return start + "Connection: " + std::string(n, ',') + "\r\n\r\n"; }},
        {"quotes", [&](std::size_t n) { return start + "Connection: " + repeat("\"\\", n) + "\r\n\r\n"; }},
        {"a long target", [](std::size_t n) { return "GET /" + repeat("a/?", n) + " HTTP/1.1\r\nHost: h\r\n\r\n"; }},
    };
    for (const auto& [name, input] : inputs) {
        for (const std::size_t piece_bytes : {in_one_piece, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
            const auto task = [piece_bytes = piece_bytes](const std::string& head) { parse_head(head, piece_bytes); };
            expect_linear(name + " in pieces of " + std::to_string(piece_bytes), task, input);
        }
    }
}

TEST(LinearTime, AHeadCutIntoOctetsIsSearchedOnce) {
    const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n" + repeat("Some-Name: some value\r\n", 15'000) + "\r\n";
    reset_work();
    parse_head(head, 1);
    // One search for LF, one for a bare CR, one for the colon, and the short rest of each line.
    EXPECT_LE(work_done().searched_bytes, 4 * head.size());
    EXPECT_LE(work_done().allocated_bytes, 64 * head.size());
}

TEST(LinearTime, ChunkedBodies) {
    const std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> inputs{
        {"chunks of one octet", [](std::size_t n) { return repeat("1\r\nx\r\n", n) + "0\r\n\r\n"; }},
        {"one chunk", [](std::size_t n) { return chunk_prefix(n) + std::string(n, 'x') + "\r\n0\r\n\r\n"; }},
        {"trailers", [](std::size_t n) { return "0\r\n" + repeat("A: b\r\n", n) + "\r\n"; }},
        {"one long trailer", [](std::size_t n) { return "0\r\nA: " + std::string(n, 'b') + "\r\n\r\n"; }},
    };
    for (const auto& [name, input] : inputs) {
        for (const std::size_t piece_bytes : {in_one_piece, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
            const auto task = [piece_bytes = piece_bytes](const std::string& body) {
                decode_chunked(body, piece_bytes);
            };
            expect_linear(name + " in pieces of " + std::to_string(piece_bytes), task, input);
        }
    }
}

TEST(LinearTime, Decoding) {
    const std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> inputs{
        {"ampersands", [](std::size_t n) { return std::string(n, '&'); }},
        {"pairs", [](std::size_t n) { return repeat("a=1&b=2; ", n); }},
        {"escapes", [](std::size_t n) { return repeat("%41", n); }},
        {"percents", [](std::size_t n) { return std::string(n, '%'); }},
        {"semicolons", [](std::size_t n) { return repeat("a=\";", n); }},
        {"invalid octets", [](std::size_t n) { return std::string(n, '\xe2'); }},
        {"slashes", [](std::size_t n) { return std::string(n, '/'); }},
        {"segments", [](std::size_t n) { return repeat("/a", n); }},
    };
    Router router;
    ASSERT_EQ(error_text(router.add("GET", "/{a}/{b:int}/c", 0)), "");
    ASSERT_EQ(error_text(router.add("GET", "/a/{p:path}", 1)), "");
    const std::vector<std::pair<std::string, Task>> tasks{
        {"parse_query", [](const std::string& text) { static_cast<void>(parse_query(text)); }},
        {"parse_cookies", [](const std::string& text) { static_cast<void>(parse_cookies(text)); }},
        {"replace_invalid_utf8", [](const std::string& text) { static_cast<void>(replace_invalid_utf8(text)); }},
        {"percent_decode", [](const std::string& text) { static_cast<void>(percent_decode(text)); }},
        {"split_list", [](const std::string& text) { static_cast<void>(split_list(text + ",")); }},
        {"match", [&](const std::string& text) { static_cast<void>(router.match("GET", "/" + text)); }},
    };
    for (const auto& [task_name, task] : tasks) {
        for (const auto& [name, input] : inputs) expect_linear(task_name + " of " + name, task, input);
    }
}

TEST(LinearTime, Forwarded) {
    const std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> inputs{
        {"elements", [](std::size_t n) { return repeat("for=_a,", n); }},
        {"parameters", [](std::size_t n) { return repeat("a=b;", n); }},
        {"quotes", [](std::size_t n) { return repeat("a=\"\\\"\";", n); }},
        {"an unclosed quote", [](std::size_t n) { return "for=\"" + repeat(",;=", n); }},
        {"one long value", [](std::size_t n) { return "host=" + std::string(n, 'a'); }},
        {"semicolons", [](std::size_t n) { return std::string(n, ';'); }},
        {"commas", [](std::size_t n) { return "x" + std::string(n, ','); }},
    };
    const auto task = [](const std::string& field) {
        for (const std::string_view element : split_list(field)) static_cast<void>(parse_forwarded_element(element));
        for (const std::string_view member : split_at_commas(field)) static_cast<void>(parse_x_forwarded_for(member));
    };
    for (const auto& [name, input] : inputs) expect_linear(name, task, input);
}

TEST(LinearTime, Multipart) {
    const std::string boundary(70, 'b'), delimiter = "\r\n--" + boundary, end = delimiter + "--";
    const std::string part = delimiter + "\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n";
    const std::vector<std::pair<std::string, std::string>> pieces{
        {"almost delimiters", "\r\n--" + std::string(69, 'b')},
        {"lines that begin as delimiters", delimiter + "x"},
        {"delimiters with white space", delimiter + std::string(200, ' ') + "x"},
        {"line ends", "\r\n"},
        {"CR", "\r"},
        {"hyphens", "\r\n--"},
        {"delimiters that end with LF", delimiter + "\n"},
    };
    const auto task = [&](const std::string& body) {
        ASSERT_EQ(error_text(parse_form("multipart/form-data; boundary=" + boundary, body)), "");
    };
    for (const auto& [name, piece] : pieces) {
        expect_linear(name, task, [&](std::size_t n) { return part + repeat(piece, n) + end; });
        expect_linear(name + " before the first part", task,
                      [&](std::size_t n) { return repeat(piece, n) + part + "data" + end; });
    }
    expect_linear("white space", task,
                  [&](std::size_t n) { return part + delimiter + std::string(n, ' ') + "x" + end; });
}

}  // namespace
}  // namespace proapi::http
