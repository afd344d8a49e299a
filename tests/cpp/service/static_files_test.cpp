// Files below a directory and nowhere else; validators, conditions and ranges.
#include "service/static_files.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include "tests/cpp/error_text.hpp"

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

    static http::RequestHead head_with(http::Headers headers, std::string_view method = "GET") {
        http::RequestHead head;
        head.method = method;
        head.headers = std::move(headers);
        return head;
    }
    StaticFile find(std::string_view path, http::Headers headers = {}, DotFiles dot_files = DotFiles::served) {
        return find_static_file(root.string(), path, dot_files, head_with(std::move(headers)));
    }
    StaticFile find_by(std::string_view method, http::Headers headers) {
        return find_static_file(root.string(), "a.txt", DotFiles::hidden, head_with(std::move(headers), method));
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
    EXPECT_EQ(find("environment", {}, DotFiles::hidden).status, 200)
        << "the path of the request decides, not the target of the link";
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

// RFC 9110 section 13.1: preconditions protect a client against a file that has changed since its last request.
TEST_F(StaticFilesTest, AFailedPreconditionIsA412) {
    const StaticFile first = find("a.txt");
    const std::string etag(*first.headers.get("ETag"));
    const std::string modified(*first.headers.get("Last-Modified"));
    constexpr std::string_view long_ago = "Thu, 01 Jan 1970 00:00:00 GMT";
    EXPECT_EQ(find("a.txt", {{"If-Match", etag}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Match", "\"x\", " + etag}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Match", "*"}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Match", "\"x\""}}).status, 412);
    EXPECT_EQ(find("a.txt", {{"If-Match", "W/" + etag}}).status, 412) << "If-Match uses strong comparison";
    EXPECT_EQ(find("a.txt", {{"If-Unmodified-Since", modified}}).status, 200);
    EXPECT_EQ(find("a.txt", {{"If-Unmodified-Since", long_ago}}).status, 412);
    EXPECT_EQ(find("a.txt", {{"If-Unmodified-Since", "yesterday"}}).status, 200) << "an invalid date is ignored";
    EXPECT_EQ(find("a.txt", {{"If-Match", etag}, {"If-Unmodified-Since", long_ago}}).status, 200)
        << "If-None-Match takes precedence over the date";
    EXPECT_EQ(find("a.txt", {{"If-Match", "\"x\""}, {"If-None-Match", etag}}).status, 412)
        << "section 13.2.2: it is evaluated first";
}

TEST_F(StaticFilesTest, ConditionsAndRangesAreThoseOfGetAndConditionsOfHead) {
    const std::string etag(*find("a.txt").headers.get("ETag"));
    EXPECT_EQ(find_by("HEAD", {{"If-None-Match", etag}}).status, 304);
    EXPECT_EQ(find_by("HEAD", {{"Range", "bytes=0-0"}}).status, 200);
    EXPECT_EQ(find_by("POST", {{"If-None-Match", etag}, {"Range", "bytes=0-0"}}).status, 200);
}

// RFC 9110 section 15.4.5.
TEST_F(StaticFilesTest, A304HasTheValidatorsAndNothingOfTheContent) {
    const std::string etag(*find("a.txt").headers.get("ETag"));
    const StaticFile found = find("a.txt", {{"If-None-Match", etag}});
    EXPECT_EQ(found.headers.get("ETag"), etag);
    EXPECT_TRUE(found.headers.contains("Last-Modified"));
    EXPECT_FALSE(found.headers.contains("Content-Type"));
    EXPECT_FALSE(found.file);
}

TEST_F(StaticFilesTest, AFileThatCannotBeOpenedNowIsA503) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const StaticFile found = find("a.txt");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(found.status, 503);
    EXPECT_EQ(found.headers.get("Retry-After"), "1");
    EXPECT_EQ(found.error, EMFILE) << "for the log";
}

TEST_F(StaticFilesTest, AFileThatMayNotBeReadIsAFaultOfTheServer) {
    ASSERT_EQ(::chmod((root / "a.txt").c_str(), 0), 0);
    const bool is_root = ::geteuid() == 0;  // root may read everything
    constexpr uid_t nobody = 65534;
    if (is_root && ::seteuid(nobody) != 0) GTEST_SKIP() << "root can't become another user here";
    const StaticFile found = find("a.txt");
    if (is_root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    EXPECT_EQ(found.status, 500);
    EXPECT_EQ(found.error, EACCES);
    EXPECT_EQ(found.text, "Internal Server Error\n") << "the client must not learn the reason";
}

TEST_F(StaticFilesTest, ADirectoryIsCheckedBeforeItIsServed) {
    EXPECT_EQ(error_text(check_directory(root.string())), "");
    EXPECT_EQ(error_text(check_directory((root / "none").string())),
              "expected a directory, got '" + (root / "none").string() + "'");
    EXPECT_EQ(error_text(check_directory((root / "a.txt").string())),
              "expected a directory, got '" + (root / "a.txt").string() + "'");
}

TEST_F(StaticFilesTest, AHandlersFileKeepsTheHandlersFields) {
    const std::string path = (root / "a.txt").string();
    const StaticFile found =
        answer_with_file_at(path, 200, {{"content-type", "application/x-own"}, {"X-Own", "1"}}, head_with({}));
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(body(found), "0123456789");
    EXPECT_EQ(found.headers.getlist("Content-Type"), std::vector<std::string_view>{"application/x-own"});
    EXPECT_EQ(found.headers.get("X-Own"), "1");
    EXPECT_TRUE(found.headers.contains("ETag"));
}

TEST_F(StaticFilesTest, AHandlersOwnTagIsTheOneThatConditionsMean) {
    const std::string path = (root / "a.txt").string();
    const http::Headers own{{"ETag", "\"own\""}, {"Content-Type", "text/x"}, {"Content-Disposition", "inline"}};
    EXPECT_EQ(answer_with_file_at(path, 200, own, head_with({{"If-None-Match", "\"other\""}})).status, 200);
    const StaticFile found = answer_with_file_at(path, 200, own, head_with({{"If-None-Match", "\"own\""}}));
    EXPECT_EQ(found.status, 304);
    EXPECT_EQ(found.headers.getlist("ETag"), std::vector<std::string_view>{"\"own\""});
    EXPECT_FALSE(found.headers.contains("Content-Type") || found.headers.contains("Content-Disposition"));
}

// An error page: a client that has it cached, or requests a part of it, must still see the error.
TEST_F(StaticFilesTest, AHandlersFileOfAnotherStatusIsAlwaysWhole) {
    const std::string path = (root / "a.txt").string();
    const http::RequestHead request = head_with({{"If-None-Match", "*"}, {"Range", "bytes=0-0"}});
    const StaticFile found = answer_with_file_at(path, 404, {}, request);
    EXPECT_EQ(found.status, 404);
    EXPECT_EQ(body(found), "0123456789");
}

TEST_F(StaticFilesTest, AHandlersFileThatIsNotThereIsA404WithoutTheHandlersFields) {
    const http::Headers own{{"X-Own", "1"}};
    using namespace std::string_literals;
    for (const std::string& path : {(root / "none").string(), root.string(), (root / "a.txt").string() + "\0"s}) {
        const StaticFile found = answer_with_file_at(path, 200, own, head_with({}));
        EXPECT_EQ(found.status, 404) << path;
        EXPECT_FALSE(found.headers.contains("X-Own")) << path;
    }
    const StaticFile found =
        answer_with_file_at((root / "a.txt").string(), 200, own, head_with({{"Range", "bytes=10-"}}));
    EXPECT_EQ(found.status, 416);
    EXPECT_FALSE(found.headers.contains("X-Own"));
}

// A mount at the root matches every path. A path that it does not have may belong to another route.
TEST_F(StaticFilesTest, WhatAMountDoesNotHaveMayBeAWebSocketRoutes) {
    Site site;
    ASSERT_EQ(error_text(site.router.add("GET", "/", 0)), "");
    ASSERT_EQ(error_text(site.router.add("GET", "/{file:path}", 0)), "");
    ASSERT_EQ(error_text(site.router.add(http::websocket_method, "/chat", 1)), "");
    Route& route = site.routes.emplace_back();
    route.kind = Route::Kind::files;
    route.directory = root.string();
    const auto answer = [&](const std::string& target) {
        RequestInfo request;
        request.head = head_with({});
        request.head.target = target;
        request.match = site.router.match("GET", target);
        EXPECT_EQ(request.match.route, 0U);
        return serve_files(site, request);
    };
    EXPECT_EQ(body(answer("/")), "<p>home</p>");
    EXPECT_EQ(body(answer("/a.txt")), "0123456789");
    EXPECT_EQ(answer("/none").status, 404);
    const StaticFile chat = answer("/chat");
    EXPECT_EQ(chat.status, 426);
    EXPECT_EQ(chat.headers.get("Upgrade"), "websocket");
    write(root / "chat", "a file of that name");
    EXPECT_EQ(body(answer("/chat")), "a file of that name");
}

}  // namespace
}  // namespace proapi::service
