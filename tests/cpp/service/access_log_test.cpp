// The lines of the access log in both formats, for requests of all kinds.
#include "service/access_log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::request_of;
using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point moment{std::chrono::seconds(1'796'032'800)};

std::string line_of(AccessLog::Format format, const auto& tell) {
    std::string written;
    AccessLog log(format, [&](std::string_view line) { written = line; });
    tell(log);
    return written;
}

RequestRecord make_record(const RequestInfo& request, int status, std::uint64_t bytes) {
    return {.request = request,
            .route = "/hello/{name}",
            .status = status,
            .sent_bytes = bytes,
            .duration = 1234567ns,
            .time = moment};
}

std::string common(const RequestInfo& request, int status, std::uint64_t bytes) {
    return line_of(AccessLog::Format::common,
                   [&](AccessLog& log) { log.on_request(make_record(request, status, bytes)); });
}

TEST(AccessLog, CommonLogFormat) {
    EXPECT_EQ(common(request_of("GET", "/hello/you?a=b"), 200, 12),
              R"(127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /hello/you?a=b HTTP/1.1" 200 12)");
}

TEST(AccessLog, AMissingValueIsADash) {
    EXPECT_EQ(common(request_of("GET", "/"), 0, 0),
              R"(127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" - -)");
    EXPECT_EQ(common({.head = {}, .match = {}, .client = {}}, 400, 3),
              R"(- - - [30/Nov/2026:10:00:00 +0000] "-" 400 3)");
}

TEST(AccessLog, NoRequestCanForgeALine) {
    RequestInfo request = request_of("GET", "/\n\"\x1b[31m\\");
    EXPECT_EQ(common(request, 404, 1),
              R"(127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /\x0a\x22\x1b[31m\x5c HTTP/1.1" 404 1)");
    EXPECT_LT(common(request_of("GET", "/" + std::string(100'000, 'x')), 404, 1).size(), 2200U);
}

TEST(AccessLog, AWebSocketsTwoLines) {
    const RequestInfo request = request_of("GET", "/ws");
    WebSocketRecord record{.request = request,
                           .route = "/ws",
                           .close_code = std::nullopt,
                           .received_messages = 2,
                           .received_bytes = 20,
                           .sent_messages = 3,
                           .sent_bytes = 5310,
                           .duration = 5s,
                           .time = moment};
    EXPECT_EQ(line_of(AccessLog::Format::common, [&](AccessLog& log) { log.on_accept(record); }),
              R"(127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /ws HTTP/1.1" 101 -)");
    record.close_code = 1001;
    EXPECT_EQ(line_of(AccessLog::Format::common, [&](AccessLog& log) { log.on_end(record); }),
              R"(127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "CLOSE /ws HTTP/1.1" 1001 5310)");
    const auto json =
        nlohmann::json::parse(line_of(AccessLog::Format::json, [&](AccessLog& log) { log.on_end(record); }));
    EXPECT_EQ(json["event"], "websocket_closed");
    EXPECT_EQ(json["close_code"], 1001);
    EXPECT_EQ(json["received_messages"], 2);
    EXPECT_EQ(json["sent_bytes"], 5310);
    EXPECT_EQ(json["duration_ms"], 5000.0);
}

TEST(AccessLog, Json) {
    const RequestInfo request = request_of("GET", "/hello/\"\\\x01\xff");
    const auto json = nlohmann::json::parse(
        line_of(AccessLog::Format::json, [&](AccessLog& log) { log.on_request(make_record(request, 200, 12)); }));
    EXPECT_EQ(json["time"], "2026-11-30T10:00:00Z");
    EXPECT_EQ(json["event"], "request");
    EXPECT_EQ(json["client"], "127.0.0.1");
    EXPECT_EQ(json["method"], "GET");
    EXPECT_EQ(json["target"], "/hello/\"\\\u0001\u00ff");
    EXPECT_EQ(json["route"], "/hello/{name}");
    EXPECT_EQ(json["status"], 200);
    EXPECT_EQ(json["sent_bytes"], 12);
    EXPECT_EQ(json["duration_ms"], 1.235);
}

}  // namespace
}  // namespace proapi::service
