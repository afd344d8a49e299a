// The Origin rule, row by row: which origins pass, which do not, and refusals that name the setting.
#include "service/origin.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

using Verdict = OriginVerdict;
using List = std::vector<std::string>;

struct OriginRow {
    const char* host;
    const char* origin;  // null: there is none
    List allowed;        // by the route and, unless of_application says otherwise, by the application
    Verdict verdict;
    Reach reach = Reach::loopback;
    List of_application = {};
};

http::RequestHead head_of(const OriginRow& row) {
    http::RequestHead head;
    head.target = "/ws";
    head.headers.add("Host", row.host);
    if (row.origin) head.headers.add("Origin", row.origin);
    return head;
}

Verdict judge(const http::RequestHead& head, const OriginRow& row) {
    WebSocketSettings route;
    route.allowed_origins = row.allowed;
    Settings application;
    application.allowed_origins = row.of_application.empty() ? row.allowed : row.of_application;
    return judge_origin(head, route, application, row.reach);
}

void check(const std::vector<OriginRow>& rows) {
    for (const OriginRow& row : rows) {
        const http::RequestHead head = head_of(row);
        EXPECT_EQ(judge(head, row), row.verdict)
            << row.host << " from " << (row.origin ? row.origin : "nobody") << ", " << row.allowed.size() << " listed";
    }
}

// promise: origins
TEST(Origin, TheHostItself) {
    check({
        {"good.example", nullptr, {}, Verdict::passes},
        {"good.example", "http://good.example", {}, Verdict::passes},
        {"good.example", "https://good.example", {}, Verdict::passes},
        {"good.example", "https://GOOD.example", {}, Verdict::passes},
        {"good.example", "HTTPS://good.example", {}, Verdict::passes},
        {"good.example", "https://good.example/", {}, Verdict::passes},
        {"good.example:8000", "http://good.example:8000", {}, Verdict::passes},
        {"good.example:80", "http://good.example", {}, Verdict::passes},
        {"good.example:443", "https://good.example", {}, Verdict::passes},
        {"good.example", "http://good.example:9999", {}, Verdict::refused},
        {"good.example:8000", "http://good.example", {}, Verdict::refused},
        {"good.example", "https://good.example//", {}, Verdict::refused},
        {"good.example", "https://good.example/page", {}, Verdict::refused},
        {"good.example", "https://good.example.evil", {}, Verdict::refused},
        {"good.example", "https://evilgood.example", {}, Verdict::refused},
        {"good.example", "https://evil.example", {}, Verdict::refused},
        {"good.example", "http://good.example@evil.example", {}, Verdict::refused},
        {"good.example", "good.example", {}, Verdict::refused},
        {"good.example", "null", {}, Verdict::refused},
        {"good.example", "", {}, Verdict::refused},
    });
}

// promise: origins
TEST(Origin, OtherSchemesAreNotTheHost) {
    check({
        {"localhost:8000", "ftp://localhost:8000", {}, Verdict::refused},
        {"localhost:8000", "ws://localhost:8000", {}, Verdict::refused},
        {"localhost", "capacitor://localhost", {}, Verdict::refused},
        {"localhost", "file://", {}, Verdict::refused},
        {"good.example", "ftp://good.example", {"https://good.example"}, Verdict::refused},
        {"localhost", "capacitor://localhost", {"capacitor://localhost"}, Verdict::passes},
        {"localhost", "capacitor://localhost", {"https://localhost"}, Verdict::refused},
        {"localhost", "file://", {"file://"}, Verdict::passes},
        {"localhost", "file:///", {"file://"}, Verdict::passes},
        {"localhost", "file:///home/page.html", {"file://"}, Verdict::refused},
        {"localhost", "chrome-extension://abc", {"chrome-extension://abc"}, Verdict::passes},
        {"localhost", "chrome-extension://abd", {"chrome-extension://abc"}, Verdict::refused},
    });
}

// promise: origins
TEST(Origin, ThoseThatAreListed) {
    check({
        {"good.example", "https://evil.example", {"https://evil.example"}, Verdict::passes},
        {"good.example", "https://evil.example/", {"https://evil.example"}, Verdict::passes},
        {"good.example", "https://Evil.example:443", {"https://evil.example"}, Verdict::passes},
        {"good.example", "http://evil.example", {"https://evil.example"}, Verdict::refused},
        {"good.example", "https://evil.example:444", {"https://evil.example"}, Verdict::refused},
        {"good.example", "https://evil.example", {"https://other.example"}, Verdict::refused},
        {"good.example", "https://good.example", {"https://other.example"}, Verdict::passes},
        {"good.example", "https://evil.example", {"*"}, Verdict::passes},
        {"good.example", "null", {"*"}, Verdict::passes},
        {"good.example", "null", {"null"}, Verdict::passes},
        {"good.example", "NULL", {"null"}, Verdict::passes},
        {"good.example", "null", {"https://good.example"}, Verdict::refused},
    });
}

TEST(Origin, WhileDeveloping) {
    check({
        {"localhost:8000", "http://localhost:3000", {}, Verdict::passes_in_development},
        {"127.0.0.1:8000", "http://localhost:3000", {}, Verdict::passes_in_development},
        {"localhost:8000", "http://localhost/", {}, Verdict::passes_in_development},
        {"[::1]:8000", "https://[::1]:3000", {}, Verdict::passes_in_development},
        {"app.localhost", "http://other.localhost", {}, Verdict::passes_in_development},
        {"localhost:8000", "null", {}, Verdict::passes_in_development},
        {"localhost:8000", "http://localhost:8000", {}, Verdict::passes},
        {"localhost:8000", "https://evil.example", {}, Verdict::refused},
        {"localhost:8000", "http://localhost.evil.example", {}, Verdict::refused},
        {"localhost:8000", "http://127.0.0.1.nip.io", {}, Verdict::refused},
        {"localhost:8000", "http://0.0.0.0:8000", {}, Verdict::refused},
        {"localhost:8000", "ftp://localhost:3000", {}, Verdict::refused},
        {"good.example", "null", {}, Verdict::refused},
        {"good.example", "http://localhost:3000", {}, Verdict::refused},
    });
}

// promise: local-pages
TEST(Origin, TheExceptionForDevelopmentEndsWithWhatIsListed) {
    const List site = {"https://good.example"};
    check({
        {"localhost:8000", "http://localhost:3000", site, Verdict::refused},
        {"127.0.0.1:8000", "null", site, Verdict::refused},
        {"127.0.0.1:8000", "https://good.example", site, Verdict::passes},
        {"localhost:8000", "http://localhost:8000", site, Verdict::passes},
        {"localhost:8000", "http://localhost:3000", {"http://localhost:3000"}, Verdict::passes},
        {"localhost:8000", "http://localhost:4000", {"http://localhost:3000"}, Verdict::refused},
        // A route that overrides the application's list with an empty one still has no exception for local pages.
        {"localhost:8000", "null", {}, Verdict::refused, Reach::loopback, site},
    });
}

TEST(Origin, TheExceptionIsForServersThatOnlyTheirMachineReaches) {
    check({
        {"localhost:8000", "http://localhost:3000", {}, Verdict::refused, Reach::network},
        {"localhost:8000", "null", {}, Verdict::refused, Reach::network},
        {"localhost:8000", "http://localhost:8000", {}, Verdict::passes, Reach::network},
    });
}

TEST(Origin, BehindAProxyALoopbackHostIsNoDevelopment) {
    for (const char* field :
         {"Forwarded", "X-Forwarded-For", "x-forwarded-port", "X-Forwarded-Ssl", "X-Real-IP", "Via"}) {
        const OriginRow row{"localhost:8000", "http://localhost:3000", {}, Verdict::passes_in_development};
        http::RequestHead head = head_of(row);
        EXPECT_EQ(judge(head, row), row.verdict);
        head.headers.add(field, "203.0.113.7");
        EXPECT_EQ(judge(head, row), Verdict::refused) << field;
    }
}

TEST(Origin, AsBrowsersWriteIt) {
    for (const char* text : {"null", "https://a.example", "http://a.example:8080", "http://[::1]:81",
                             "http://127.0.0.1", "file://", "capacitor://localhost", "chrome-extension://abc",
                             "app://.", "https://xn--caf-dma.example", "http://under_score", "ftp://a.example:443"})
        EXPECT_EQ(read_origin(text), text);
    for (const auto& [text, read] : {std::pair{"https://a.example/", "https://a.example"},
                                     {"http://[::1]:80", "http://[::1]"},
                                     {"https://a.example:443/", "https://a.example"},
                                     {"https://a.example:80", "https://a.example:80"},
                                     {"HTTP://a.example:80", "HTTP://a.example"},
                                     {"file:///", "file://"}})
        EXPECT_EQ(read_origin(text), read);
    for (const char* text : {"",
                             "*",
                             "/",
                             "null/",
                             "a.example",
                             "http:",
                             "https://",
                             "https:///",
                             "https://a.example//",
                             "https://a.example/page",
                             "https://a.example?q",
                             "https://a.example#f",
                             "https://a.example:",
                             "https://:443",
                             "https://a.example:99999",
                             "https://a.example:+1",
                             "https://user@a.example",
                             "https://*.a.example",
                             "https://\xc3\xa9.example",
                             "https://[::1",
                             "https://[x]",
                             "file:///home",
                             "1://a.example",
                             "://a.example",
                             "https ://a.example",
                             "https://a%41.example",
                             "NULL"})
        EXPECT_FALSE(read_origin(text)) << text;
}

TEST(Origin, TwoOriginsAreRefused) {
    const OriginRow row{"good.example", "https://evil.example", {"*"}, Verdict::refused};
    http::RequestHead head = head_of(row);
    head.headers.add("Origin", "https://good.example");
    EXPECT_EQ(judge(head, row), Verdict::refused);
    const std::string line = describe_refused_origin(head);
    EXPECT_NE(line.find("'https://evil.example', 'https://good.example'"), std::string::npos) << line;
}

TEST(Origin, TheLogLinesNameTheSettingAndAreEscaped) {
    const http::RequestHead head = head_of({"good.example", "\x1b[31mred", {}, Verdict::refused});
    for (const std::string& line : {describe_refused_origin(head), describe_development(head)}) {
        EXPECT_EQ(line.find('\x1b'), std::string::npos);
        EXPECT_NE(line.find("[31mred"), std::string::npos) << line;
        EXPECT_NE(line.find("'good.example'"), std::string::npos) << line;
        EXPECT_NE(line.find("allowed_origins"), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace proapi::service
