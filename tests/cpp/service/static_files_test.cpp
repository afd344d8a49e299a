// Files below a directory and nowhere else; validators, conditions and ranges.
#include "service/static_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace proapi::service {
namespace {

namespace fs = std::filesystem;

class StaticFilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "proapi-files-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        base = pattern;
        root = base / "public";
        fs::create_directories(root / "sub");
        write(root / "index.html", "<p>home</p>");
        write(root / "sub/index.html", "<p>sub</p>");
        write(root / "a.txt", "0123456789");
        write(root / "empty.css", "");
        write(base / "secret.txt", "secret");
        fs::create_symlink(base / "secret.txt", root / "link.txt");
        fs::create_symlink("a.txt", root / "inside.txt");
        fs::create_directory_symlink(base, root / "up");
        ASSERT_EQ(::mkfifo((root / "fifo").c_str(), 0600), 0);
    }
    void TearDown() override { fs::remove_all(base); }

    static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

    StaticFile find(std::string_view path, http::Headers headers = {}, DotFiles dot_files = DotFiles::served) {
        http::RequestHead head;
        head.method = "GET";
        head.headers = std::move(headers);
        return find_static_file(root.string(), path, dot_files, head);
    }
    static std::string body(const StaticFile& found) {
        if (!found.file) return found.text;
        std::string text(found.file->length, '\0');
        const auto count =
            ::pread(found.file->file.get(), text.data(), text.size(), static_cast<off_t>(found.file->offset));
        return text.substr(0, static_cast<std::size_t>(count));
    }

    fs::path base, root;
};

TEST_F(StaticFilesTest, ServesFilesAndTheIndexOfADirectory) {
    EXPECT_EQ(body(find("a.txt")), "0123456789");
    EXPECT_EQ(body(find("")), "<p>home</p>");
    EXPECT_EQ(body(find("sub/")), "<p>sub</p>");
    EXPECT_EQ(body(find("inside.txt")), "0123456789");
    const StaticFile css = find("empty.css");
    EXPECT_EQ(css.status, 200);
    EXPECT_EQ(css.file->length, 0U);
    EXPECT_TRUE(css.headers.get("Content-Type")->starts_with("text/css"));
}

TEST_F(StaticFilesTest, ServesNothingElse) {
    for (const char* path :
         {"../secret.txt", "..", "sub/../../secret.txt", "link.txt", "up/secret.txt", "/etc/passwd", "//etc/passwd",
          "fifo", "sub", ".", "nothing", "a.txt/", "..\\secret.txt", "\\\\host\\share"})
        EXPECT_EQ(find(path).status, 404) << path;
    EXPECT_EQ(find(std::string(256, 'x')).status, 404);
    EXPECT_EQ(find(std::string(5000, 'x')).status, 404);
}

// promise: dot-files
TEST_F(StaticFilesTest, HidesDotFiles) {
    fs::create_directories(root / ".git");
    fs::create_directories(root / "sub/.well-known");
    fs::create_directories(root / ".well-known/.secret");
    fs::create_directories(root / ".well-known-not");
    for (const char* path : {".env", ".git/config", ".git/index.html", "sub/.env", "sub/.well-known/a.txt",
                             ".well-known/.secret/a.txt", ".well-known/.env", ".well-known-not/a.txt", ".well-knowN",
                             "...", "a.txt.", "a.b.c", ".well-known/a.txt", ".well-known/index.html"})
        write(root / path, "something");
    for (const char* path : {".env", ".git/config", ".git/", "sub/.env", "sub/.well-known/a.txt", ".well-knowN",
                             ".well-known/.secret/a.txt", ".well-known/.env", ".well-known-not/a.txt", "...",
                             "sub/../a.txt", "./a.txt", "sub//.env"}) {
        EXPECT_EQ(find(path, {}, DotFiles::hidden).status, 404) << path;
        EXPECT_EQ(find(path, {}, DotFiles::served).status, 200) << path;
    }
    for (const char* path : {"a.txt", "a.txt.", "a.b.c", ".well-known/a.txt", ".well-known/", "sub/"})
        EXPECT_EQ(find(path, {}, DotFiles::hidden).status, 200) << path;
    fs::create_symlink(".env", root / "environment");
    EXPECT_EQ(find("environment", {}, DotFiles::hidden).status, 200) << "the request's path decides";
}

TEST_F(StaticFilesTest, AnswersConditions) {
    const StaticFile first = find("a.txt");
    const std::string etag(*first.headers.get("ETag"));
    const std::string modified(*first.headers.get("Last-Modified"));
    EXPECT_EQ(find("a.txt", {{"If-None-Match", etag}}).status, 304);
    EXPECT_EQ(find("a.txt", {{"If-None-Match", "\"x\", " + etag}}).status, 304);
    EXPECT_EQ(find("a.txt", {{"If-None-Match", "W/" + etag}}).status, 304);
    EXPECT_EQ(find("a.txt", {{"If-None-Match", "\"x\""}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-None-Match", "W/\"x\""}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Modified-Since", modified}}).status, 304);
    EXPECT_EQ(find("a.txt", {{"If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Modified-Since", "yesterday"}}).status, 200);
}

TEST_F(StaticFilesTest, AnswersOneRangeAndTakesSeveralForTheWhole) {
    struct Row {
        const char* range;
        int status;
        const char* body;
    };
    const Row rows[] = {
        {"bytes=0-0", 206, "0"},
        {"bytes=2-4", 206, "234"},
        {"bytes=7-", 206, "789"},
        {"bytes=-3", 206, "789"},
        {"bytes=-100", 206, "0123456789"},
        {"bytes=5-100", 206, "56789"},
        {"bytes=10-", 416, nullptr},
        {"bytes=-0", 416, nullptr},
        {"bytes=4-2", 200, "0123456789"},
        {"bytes=0-1,3-4", 200, "0123456789"},
        {"lines=0-1", 200, "0123456789"},
        {"bytes=x-1", 200, "0123456789"},
        {"bytes=99999999999999999999-", 200, "0123456789"},
    };
    for (const Row& row : rows) {
        const StaticFile found = find("a.txt", {{"Range", row.range}});
        EXPECT_EQ(found.status, row.status) << row.range;
        if (row.body) {
            EXPECT_EQ(body(found), row.body) << row.range;
        }
    }
    EXPECT_EQ(find("a.txt", {{"Range", "bytes=2-4"}}).headers.get("Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(find("a.txt", {{"Range", "bytes=10-"}}).headers.get("Content-Range"), "bytes */10");
    EXPECT_EQ(find("a.txt", {{"Range", "bytes=0-0"}, {"If-Range", "\"old\""}}).status, 200);
}

}  // namespace
}  // namespace proapi::service
