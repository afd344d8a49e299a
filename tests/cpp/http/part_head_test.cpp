// The fields of a part. multipart_test has their refusals as clients see them, and the vectors (form_test) the meaning
// of names, types and encodings.
#include "http/part_head.hpp"

#include <gtest/gtest.h>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

TEST(PartHead, HasNameFilenameAndType) {
    PartHead head;
    EXPECT_EQ(error_text(head.read("Content-Type: image/png")), "");
    EXPECT_EQ(error_text(head.read("X-Other: of no meaning")), "");
    EXPECT_EQ(error_text(head.read("content-disposition: form-data; name=\"a%22b\"; filename=\"C:\\c.png\"")), "");
    EXPECT_EQ(error_text(head.finish()), "");
    EXPECT_EQ(head.name, "a\"b");
    EXPECT_EQ(head.filename, "C:\\c.png");
    EXPECT_EQ(head.content_type, "image/png");
}

TEST(PartHead, AnEmptyFilenameIsAFilename) {
    PartHead text, file;
    EXPECT_EQ(error_text(text.read("Content-Disposition: form-data; name=a")), "");
    EXPECT_EQ(text.filename, std::nullopt);
    EXPECT_EQ(error_text(file.read("Content-Disposition: form-data; name=a; filename=\"\"")), "");
    EXPECT_EQ(file.filename, "");
}

TEST(PartHead, NeedsADisposition) {
    PartHead head;
    EXPECT_EQ(error_text(head.read("Content-Type: text/plain")), "");
    EXPECT_EQ(error_text(head.finish()), "expected a Content-Disposition, got none");
}

}  // namespace
}  // namespace proapi::http
