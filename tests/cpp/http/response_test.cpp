// Response heads: exact octets for every kind of body and client. No value of an application can break a head, tested
// with all 256 octets and all pairs of them.
#include "http/response.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <cstdint>

#include "http/line.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

ResponseHead head_with(int status, std::optional<std::uint64_t> content_length, bool keep_alive, int minor_version) {
    ResponseHead head;
    head.status = status;
    head.content_length = content_length;
    head.keep_alive = keep_alive;
    head.minor_version = minor_version;
    return head;
}

std::string written(const ResponseHead& head) {
    return write_response_head(head, date);
}

const std::string date_line = "Date: " + std::string{date} + "\r\n";

TEST(Response, KnownLengthTo11) {
    ResponseHead head = head_with(200, 5, true, 1);
    head.headers.add("Content-Type", "text/plain");
    head.headers.add("Set-Cookie", "a=1");
    head.headers.add("Set-Cookie", "b=2");
    EXPECT_EQ(written(head), "HTTP/1.1 200 OK\r\n" + date_line +
                                 "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                                 "Content-Length: 5\r\n\r\n");
}

TEST(Response, ConnectionIsSaidWhereItIsNotTheDefault) {
    const std::string start = "HTTP/1.1 200 OK\r\n" + date_line + "Content-Length: 0\r\n";
    EXPECT_EQ(written(head_with(200, 0, true, 1)), start + "\r\n");
    EXPECT_EQ(written(head_with(200, 0, false, 1)), start + "Connection: close\r\n\r\n");
    EXPECT_EQ(written(head_with(200, 0, true, 0)), start + "Connection: keep-alive\r\n\r\n");
    EXPECT_EQ(written(head_with(200, 0, false, 0)), start + "Connection: close\r\n\r\n");
}

TEST(Response, UnknownLengthGoesInChunksOrUntilClose) {
    const std::string start = "HTTP/1.1 200 OK\r\n" + date_line;
    EXPECT_EQ(written(head_with(200, std::nullopt, true, 1)), start + "Transfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(written(head_with(200, std::nullopt, true, 0)), start + "Connection: close\r\n\r\n");
    EXPECT_TRUE(streams_in_chunks(head_with(200, std::nullopt, true, 1)));
    EXPECT_FALSE(streams_in_chunks(head_with(200, std::nullopt, true, 0)));
    EXPECT_FALSE(streams_in_chunks(head_with(200, 1, true, 1)));
}

TEST(Response, NoBodyNoFraming) {
    for (const int status : {204, 304}) {
        for (const auto length : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{7}}) {
            const std::string text = written(head_with(status, length, true, 1));
            EXPECT_EQ(text, "HTTP/1.1 " + std::to_string(status) + " " + std::string{reason_phrase(status)} + "\r\n" +
                                date_line + "\r\n");
        }
        EXPECT_NE(written(head_with(status, std::nullopt, true, 0)).find("Connection: keep-alive"), std::string::npos);
    }
}

TEST(Response, InterimResponsesSayNothingOfTheConnection) {
    EXPECT_EQ(write_response_head(head_with(100, std::nullopt, false, 1), ""), "HTTP/1.1 100 Continue\r\n\r\n");
    ResponseHead head = head_with(101, std::nullopt, true, 1);
    head.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
    EXPECT_EQ(write_response_head(head, ""),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

TEST(Response, UpgradeIsNamedInConnection) {
    ResponseHead head = head_with(426, 0, true, 1);
    head.headers = {{"Upgrade", "websocket"}};
    EXPECT_NE(written(head).find("\r\nConnection: upgrade\r\n"), std::string::npos);
    head.keep_alive = false;
    EXPECT_NE(written(head).find("\r\nConnection: upgrade, close\r\n"), std::string::npos);
    head.headers = {{"Sec-WebSocket-Version", "13"}, {"Connection", "close"}};
    const std::string text = written(head);
    EXPECT_NE(text.find("\r\nConnection: close\r\n"), std::string::npos);
    EXPECT_EQ(text.find("close, close"), std::string::npos);
}

TEST(Response, FramingIsTheEnginesOwn) {
    ResponseHead head = head_with(200, 3, true, 1);
    head.headers = {{"content-length", "9"}, {"TRANSFER-ENCODING", "chunked"}, {"date", "now"}, {"X", "y"}};
    EXPECT_EQ(written(head), "HTTP/1.1 200 OK\r\n" + date_line + "X: y\r\nContent-Length: 3\r\n\r\n");
}

TEST(Response, HeadsAreLinesThatReadBack) {
    for (int status = 100; status < 600; ++status) {
        for (const int minor_version : {0, 1}) {
            const std::string text = written(head_with(status, std::nullopt, true, minor_version));
            EXPECT_TRUE(text.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
            EXPECT_EQ(text.find("\r\n\r\n"), text.size() - 4);
        }
    }
}

TEST(Response, ChecksTheStatus) {
    for (int status = -1; status <= 1000; ++status) {
        EXPECT_EQ(check_response(status, {}).has_value(), status >= 200 && status <= 599) << status;
    }
    EXPECT_FALSE(check_response(INT_MAX, {}).has_value());
    EXPECT_FALSE(check_response(INT_MIN, {}).has_value());
}

TEST(Response, ChecksFieldsTheEngineWrites) {
    for (const char* name : {"Connection", "content-length", "Transfer-Encoding", "DATE"}) {
        const std::string error = error_text(check_response(200, {{name, "x"}}));
        EXPECT_NE(error.find(name), std::string::npos) << error;
    }
    EXPECT_EQ(error_text(check_response(200, {{"Content-Type", "text/plain"}, {"Upgrade", "x"}, {"Dates", ""}})), "");
}

TEST(Response, ChecksEveryOctetOfNamesAndValues) {
    for (int octet = 0; octet < 256; ++octet) {
        const std::string text(1, static_cast<char>(octet));
        const bool inside = octet == '\t' || (octet >= 0x20 && octet < 0x7f);
        EXPECT_EQ(check_response(200, {{"X", "a" + text + "b"}}).has_value(), inside) << octet;
        EXPECT_EQ(check_response(200, {{"X", text}}).has_value(), inside && octet > 0x20) << octet;
        EXPECT_EQ(check_response(200, {{"X" + text + "Y", "a"}}).has_value(), is_token(text)) << octet;
        EXPECT_EQ(check_response(200, {{text, "a"}}).has_value(), is_token(text)) << octet;
    }
    EXPECT_FALSE(check_response(200, {{"", "a"}}).has_value());
}

// Every pair of octets as a value: if the check accepts it, it is one line on the wire that is parsed as the same
// value.
TEST(Response, NoPairOfOctetsBreaksOutOfItsLine) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string value{static_cast<char>(first), static_cast<char>(second)};
            ResponseHead head = head_with(200, 0, true, 1);
            head.headers.add("X", value);
            if (!check_response(head.status, head.headers).has_value()) continue;
            const std::string text = written(head);
            const std::size_t start = text.find("X: ");
            const std::size_t end = text.find("\r\n", start);
            const auto line = parse_field_line(std::string_view{text}.substr(start, end - start));
            ASSERT_EQ(line->value, value);
            ASSERT_EQ(text.substr(end), "\r\nContent-Length: 0\r\n\r\n");
        }
    }
}

TEST(Response, ErrorsNeverShowWhatWouldBreakALine) {
    const std::string error = error_text(check_response(200, {{"a\r\nb", "c"}}));
    EXPECT_TRUE(is_field_value(error)) << error;
}

TEST(Response, AConnectionThatIsKeptSaysForHowLong) {
    using std::chrono::milliseconds;
    ResponseHead head{.headers = {}, .content_length = 0, .keep_alive_timeout = milliseconds(75'900)};
    EXPECT_NE(write_response_head(head, "").find("Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n"),
              std::string::npos);
    head.keep_alive_timeout = milliseconds(999);
    EXPECT_EQ(write_response_head(head, "").find("Keep-Alive"), std::string::npos) << "less than a second is left";
    head.keep_alive_timeout = milliseconds(5000);
    for (const bool by_caller : {false, true}) {
        ResponseHead closing = head;
        closing.keep_alive = by_caller;
        if (by_caller) closing.headers.add("Connection", "close");
        EXPECT_EQ(write_response_head(closing, "").find("Keep-Alive"), std::string::npos);
    }
    head.headers.add("Keep-Alive", "timeout=3");
    const std::string text = write_response_head(head, "");
    EXPECT_EQ(text.find("timeout=5"), std::string::npos) << "the application's own";
}

}  // namespace
}  // namespace proapi::http
