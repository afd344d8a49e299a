// The Origin rule, row by row: who passes, who does not, and that the refusal names the setting.
#include "server/origin.hpp"

#include <gtest/gtest.h>

namespace proapi::server {
namespace {

struct Row {
    const char* host;
    const char* origin;  // null: none
    std::vector<std::string> allowed;
    bool passes;
};

TEST(Origin, Table) {
    const Row rows[] = {
        {"good.example", nullptr, {}, true},
        {"good.example", "http://good.example", {}, true},
        {"good.example", "https://good.example", {}, true},
        {"good.example", "https://GOOD.example", {}, true},
        {"good.example:8000", "http://good.example:8000", {}, true},
        {"good.example:80", "http://good.example", {}, true},
        {"good.example", "http://good.example:9999", {}, false},
        {"good.example:8000", "http://good.example", {}, false},
        {"good.example", "https://good.example.evil", {}, false},
        {"good.example", "https://evilgood.example", {}, false},
        {"good.example", "https://evil.example", {}, false},
        {"good.example", "https://evil.example", {"https://evil.example"}, true},
        {"good.example", "https://evil.example", {"https://other.example"}, false},
        {"good.example", "https://evil.example", {"*"}, true},
        {"good.example", "null", {}, false},
        {"good.example", "", {}, false},
        {"good.example", "http://good.example@evil.example", {}, false},
        {"localhost:8000", "http://localhost:3000", {}, true},
        {"127.0.0.1:8000", "http://localhost:3000", {}, true},
        {"localhost:8000", "null", {}, true},
        {"localhost:8000", "https://evil.example", {}, false},
        {"localhost:8000", "http://localhost.evil.example", {}, false},
    };
    for (const Row& row : rows) {
        http::RequestHead head;
        head.headers.add("Host", row.host);
        if (row.origin) head.headers.add("Origin", row.origin);
        const std::string wrong = check_origin(head, row.allowed);
        EXPECT_EQ(wrong.empty(), row.passes) << row.host << " from " << (row.origin ? row.origin : "nobody") << wrong;
        if (!row.passes) {
            EXPECT_NE(wrong.find("allowed_origins"), std::string::npos) << wrong;
        }
    }
}

TEST(Origin, BehindAProxyALoopbackHostIsNoDevelopment) {
    for (const char* field :
         {"Forwarded", "X-Forwarded-For", "x-forwarded-port", "X-Forwarded-Ssl", "X-Real-IP", "Via"}) {
        http::RequestHead head;
        head.headers.add("Host", "localhost:8000");
        head.headers.add("Origin", "http://localhost:3000");
        EXPECT_TRUE(check_origin(head, {}).empty());
        head.headers.add(field, "203.0.113.7");
        EXPECT_FALSE(check_origin(head, {}).empty()) << field;
    }
}

TEST(Origin, AsBrowsersWriteIt) {
    for (const char* text :
         {"null", "https://a.example", "http://a.example:8080", "http://[::1]:80", "http://127.0.0.1",
          "chrome-extension://abc", "https://xn--caf-dma.example", "http://under_score"})
        EXPECT_TRUE(is_origin(text)) << text;
    for (const char* text : {"",
                             "*",
                             "a.example",
                             "https://",
                             "https://a.example/",
                             "https://a.example/page",
                             "https://a.example?q",
                             "https://a.example:",
                             "https://a.example:99999",
                             "https://a.example:+1",
                             "https://user@a.example",
                             "https://*.a.example",
                             "https://\xc3\xa9.example",
                             "https://[::1",
                             "https://[x]",
                             "1://a.example",
                             "://a.example",
                             "https ://a.example",
                             "https://a%41.example",
                             "NULL"})
        EXPECT_FALSE(is_origin(text)) << text;
}

TEST(Origin, TwoOriginsAreNone) {
    http::RequestHead head;
    head.headers.add("Host", "good.example");
    head.headers.add("Origin", "https://evil.example");
    head.headers.add("Origin", "https://good.example");
    EXPECT_FALSE(check_origin(head, {"*"}).empty());
}

TEST(Origin, TheLogLineIsEscaped) {
    http::RequestHead head;
    head.headers.add("Host", "good.example");
    head.headers.add("Origin", "\x1b[31mred");
    EXPECT_EQ(check_origin(head, {}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace proapi::server
