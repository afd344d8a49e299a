// Accept-Encoding and Content-Encoding: what a client accepts, and what it sends.
#include "http/content_coding.hpp"

#include <gtest/gtest.h>

namespace proapi::http {
namespace {

[[nodiscard]] std::string chosen(std::string_view accepted, Prefer prefer = Prefer::small) {
    return std::string(to_string(choose_coding({{"Accept-Encoding", accepted}}, prefer)));
}

TEST(ContentCoding, TakesTheOnlyOneThatIsAccepted) {
    EXPECT_EQ(chosen("gzip"), "gzip");
    EXPECT_EQ(chosen("GZip"), "gzip");
    EXPECT_EQ(chosen("x-gzip"), "gzip");
    EXPECT_EQ(chosen("br"), is_built(ContentCoding::br) ? "br" : "identity");
    EXPECT_EQ(chosen("zstd"), is_built(ContentCoding::zstd) ? "zstd" : "identity");
    EXPECT_EQ(choose_coding({{"Accept-Encoding", "compress"}, {"Accept-Encoding", "gzip"}}, Prefer::small),
              ContentCoding::gzip);
}

TEST(ContentCoding, TakesWhatTheClientLikesBest) {
    EXPECT_EQ(chosen("gzip, br;q=0.5, zstd;q=0.9"), "gzip");
    EXPECT_EQ(chosen("gzip;q=0.3, *;q=0.1"), "gzip");
    EXPECT_EQ(chosen("gzip;q=0.001"), "gzip");
    EXPECT_EQ(chosen("gzip;q=0.5, identity;q=0.5"), "gzip");
    if (is_built(ContentCoding::br) && is_built(ContentCoding::zstd)) {
        EXPECT_EQ(chosen("gzip, deflate, br, zstd"), "zstd");
        EXPECT_EQ(chosen("gzip, deflate, br"), "br");
        EXPECT_EQ(chosen("*"), "zstd");
        EXPECT_EQ(chosen("*;q=0.2, zstd;q=0"), "br");
        EXPECT_EQ(chosen("gzip, deflate, br, zstd", Prefer::fast), "gzip");
        EXPECT_EQ(chosen("deflate, br, zstd", Prefer::fast), "zstd");
        EXPECT_EQ(chosen("gzip;q=0.9, br", Prefer::fast), "br");
    }
}

TEST(ContentCoding, SendsItAsItIsOtherwise) {
    for (const char* accepted : {"",
                                 "identity",
                                 "deflate",
                                 "compress, exi",
                                 "gzip;q=0",
                                 "gzip;q=0.000",
                                 "*;q=0",
                                 "gzip;q=0, *;q=0",
                                 "identity, gzip;q=0.5",
                                 "identity;q=0.6, gzip;q=0.5",
                                 "gzip;q=",
                                 "gzip;q=x",
                                 "gzip;q=-1",
                                 "gzip;q=2",
                                 "gzip;q=0,5",
                                 "gzip;q=1.0000",
                                 "gzip;q=1.001",
                                 "gzip;q=00.5",
                                 "gzip;q",
                                 ";q=1",
                                 ",",
                                 "gzip;;q=0",
                                 "gzip/br"})
        EXPECT_EQ(chosen(accepted), "identity") << accepted;
    EXPECT_EQ(choose_coding({}, Prefer::small), ContentCoding::identity);
}

TEST(ContentCoding, ReadsTheCodingOfAContent) {
    EXPECT_EQ(*read_coding({}), ContentCoding::identity);
    EXPECT_EQ(*read_coding({{"Content-Encoding", "identity"}}), ContentCoding::identity);
    EXPECT_EQ(*read_coding({{"Content-Encoding", ""}}), ContentCoding::identity);
    EXPECT_EQ(*read_coding({{"Content-Encoding", "X-GZIP"}}), ContentCoding::gzip);
    EXPECT_EQ(*read_coding({{"Content-Encoding", "identity, deflate"}}), ContentCoding::deflate);
    for (const char* coding : {"gzip, gzip", "gzip, br", "compress", "*", "gzip;q=1", "\"gzip\"", "gzip deflate"}) {
        const auto read = read_coding({{"Content-Encoding", coding}});
        ASSERT_FALSE(read) << coding;
        EXPECT_EQ(read.error().code, ErrorCode::unknown_content_coding);
        EXPECT_EQ(read.error().status(), 415);
    }
    EXPECT_FALSE(read_coding({{"Content-Encoding", "gzip"}, {"Content-Encoding", "gzip"}}));
}

}  // namespace
}  // namespace proapi::http
