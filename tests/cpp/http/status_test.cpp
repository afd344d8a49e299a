// Status codes: their phrases, and which of them have a body.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "http/response.hpp"

namespace proapi::http {
namespace {

// RFC 9110 section 15, RFC 6585, RFC 7725, RFC 8470: codes that the engine sends, and codes that were renamed.
TEST(Status, PhrasesAreThoseOfTheRegistry) {
    const std::map<int, std::string_view> phrases{
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {511, "Network Authentication Required"},
    };
    for (const auto& [status, phrase] : phrases) EXPECT_EQ(reason_phrase(status), phrase) << status;
}

TEST(Status, ACodeWithoutAPhraseIsUnknown) {
    // 306 and 418 are registered as unused, 510 as obsolete.
    for (const int status : {-1, 0, 99, 299, 306, 418, 419, 510, 512, 599, 600})
        EXPECT_EQ(reason_phrase(status), "Unknown") << status;
}

TEST(Status, NoTwoCodesShareAPhraseAndEachCanBeSent) {
    std::set<std::string_view> phrases;
    for (int status = 100; status < 600; ++status) {
        const std::string_view phrase = reason_phrase(status);
        EXPECT_TRUE(is_field_value(phrase) && !phrase.empty()) << status;
        if (phrase != "Unknown") {
            EXPECT_TRUE(phrases.insert(phrase).second) << phrase;
        }
    }
}

// RFC 9110 section 6.4.1.
TEST(Status, InterimResponsesAnd204And304HaveNoBody) {
    for (int status = 100; status < 600; ++status) {
        const bool expected = status >= 200 && status != 204 && status != 304;
        EXPECT_EQ(status_has_body(status), expected) << status;
    }
}

}  // namespace
}  // namespace proapi::http
