// Forms that are read as they arrive.
#include "app/form.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "client.hpp"

namespace proapi {
namespace {

using test::get_body;
using test::includes;
using test::request;
using test::status_of;

const std::string multipart = "Content-Type: multipart/form-data; boundary=x\r\n";
const std::string urlencoded = "Content-Type: application/x-www-form-urlencoded\r\n";

std::string text(const std::string& name, const std::string& value) {
    return "--x\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& name, const std::string& data) {
    return "--x\r\nContent-Disposition: form-data; name=f; filename=" + name + "\r\nContent-Type: image/png\r\n\r\n" +
           data + "\r\n";
}
const std::string closing = "--x--\r\n";

std::string describe(const FormData& form) {
    std::string all;
    for (const auto& [name, value] : form.fields) all += name + "=" + value + ";";
    for (const UploadFile& each : form.files)
        all += each.name + ":" + each.filename + ":" + each.content_type + ":" + std::string(each.data) + ";";
    return all;
}

// promise: form-files
TEST(Form, FieldsAndFiles) {
    ProAPI app;
    app.post("/", [](BodyStream body) -> Task<std::string> { co_return describe(co_await body.form()); });
    const RunningServer server = app.start({.port = 0});
    const auto post = [&](const std::string& type, const std::string& body) {
        return get_body(request(server.port(), "POST", "/", body, type));
    };
    EXPECT_EQ(post(multipart, text("a", "1") + file("b.png", "data") + text("c", "") + file("e", "") + closing),
              "a=1;c=;f:b.png:image/png:data;f:e:image/png:;");
    EXPECT_EQ(post(multipart, closing), "");
    EXPECT_EQ(post(urlencoded, "a=1&b=%C3%A4&a=2"), "a=1;b=\u00e4;a=2;");
    EXPECT_EQ(post(urlencoded, ""), "");
}

// Several files, of which some stay in memory and others go to the disk.
// promise: form-files
TEST(Form, FilesOnTheDisk) {
    ProAPI app;
    std::vector<UploadFile> kept;
    app.post("/",
             [&](BodyStream body) -> Task<std::string> {
                 FormData form = co_await body.form();
                 kept = form.files;
                 co_return std::to_string(form.files.size()) + form.fields["a"];
             },
             {.max_body_size = 64 << 20});
    std::vector<std::string> contents;
    for (const std::size_t size : {std::size_t{600'000}, std::size_t{3'000'000}, std::size_t{400'000}, std::size_t{0},
                                   std::size_t{2'000'000}, std::size_t{70'000}}) {
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>((i * 31 + size) % 251);
        contents.push_back(std::move(content));
    }
    std::string body;
    for (std::size_t i = 0; i < contents.size(); ++i) body += file(std::to_string(i), contents[i]);
    {
        RunningServer server = app.start({.port = 0});
        EXPECT_EQ(get_body(request(server.port(), "POST", "/", body + text("a", "!") + closing, multipart)), "6!");
    }
    ASSERT_EQ(kept.size(), contents.size());
    for (std::size_t i = 0; i < contents.size(); ++i) EXPECT_TRUE(kept[i].data == contents[i]) << i;
}

// promise: form-files
TEST(Form, AFileIsSaved) {
    const std::string path = testing::TempDir() + "form_test." + std::to_string(::getpid());
    ProAPI app;
    app.post("/",
             [&](BodyStream body, Query<std::string, "to"> to) -> Task<> {
                 const FormData form = co_await body.form();
                 co_await form.files.at(0).save(*to);
             },
             {.max_body_size = 8 << 20});
    testing::internal::CaptureStderr();
    const std::string content(3 << 20, 'b');
    {
        const RunningServer server = app.start({.port = 0});
        const auto post = [&](const std::string& to) {
            return status_of(request(server.port(), "POST", "/?to=" + to, file("a", content) + closing, multipart));
        };
        EXPECT_EQ(post(path), 204);
        EXPECT_EQ(post("/no/such/directory/file"), 500);
    }
    EXPECT_TRUE(includes(testing::internal::GetCapturedStderr(), "/no/such/directory/file: No such file"));
    std::ifstream saved(path, std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(saved), {}) == content);
    std::filesystem::remove(path);
}

// promise: form-limits
TEST(Form, Limits) {
    ProAPI app;
    app.post("/", [](BodyStream body) -> Task<> {
        static_cast<void>(co_await body.form({.max_files = 1, .max_fields = 2, .max_part_size = 10}));
    });
    const RunningServer server = app.start({.port = 0});
    const auto check = [&](const std::string& type, const std::string& body, int status, const std::string& reason) {
        const std::string answer = request(server.port(), "POST", "/", body, type);
        EXPECT_EQ(status_of(answer), status) << body;
        EXPECT_TRUE(includes(answer, reason)) << answer;
    };
    check(multipart, text("a", "12345") + text("b", "67890") + file("c", "more than ten octets") + closing, 204, "");
    check(multipart, text("a", "1") + text("b", "2") + text("c", "3") + closing, 400,
          "at most 2 text fields (max_fields)");
    check(multipart, file("a", "") + file("b", "") + closing, 400, "at most 1 files (max_files)");
    check(multipart, text("a", "12345") + text("b", "678901") + closing, 413, "(max_part_size)");
    check(urlencoded, "a=12345678", 204, "");
    check(urlencoded, "a=123456789", 413, "at most 10 octets in all text fields together (max_part_size)");
    check(multipart, "--x", 400, "The body: ");
    check("Content-Type: multipart/form-data\r\n", "--x", 400, "boundary");
    check("Content-Type: text/plain\r\n", "a", 415, "The body: ");
    check("", "a", 415, "The body: ");
}

// promise: form-files
TEST(Form, ADiskThatCanNotBeWrittenIsA500) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.post("/", [](BodyStream body) -> Task<> { static_cast<void>(co_await body.form()); },
                 {.max_body_size = 8 << 20});
        ::setenv("TMPDIR", "/no/such/directory", 1);
        const RunningServer server = app.start({.port = 0});
        const std::string body = file("a", std::string(2 << 20, 'a')) + closing;
        EXPECT_EQ(status_of(request(server.port(), "POST", "/", body, multipart)), 500);
        ::unsetenv("TMPDIR");
    }
    EXPECT_TRUE(includes(testing::internal::GetCapturedStderr(), "No such file or directory"));
}

TEST(Form, AMovedRequestIsRefused) {
    ProAPI app;
    app.get("/", [](Request request) -> Task<std::string> {
        const Request moved = std::move(request);
        co_return test::error_of([&] { static_cast<void>(BodyStream(request).form()); });
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_TRUE(includes(get_body(request(server.port(), "GET", "/")), "form(): expected a BodyStream"));
}

}  // namespace
}  // namespace proapi
