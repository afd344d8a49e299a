// Forms: the vectors, and bodies that are cut off anywhere.
#include <gtest/gtest.h>

#include "http/form.hpp"
#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;
using vectors::octets;

using Files = std::vector<std::vector<std::string>>;  // name, filename, content type, data

Files files_of(const Form& form) {
    Files files;
    for (const FormFile& file : form.files)
        files.push_back({file.name, file.filename, std::string(file.content_type), std::string(file.data)});
    return files;
}

Files files_of(const Json& list) {
    Files files;
    for (const Json& file : list) {
        files.emplace_back();
        for (const Json& text : file) files.back().push_back(octets(text));
    }
    return files;
}

// promise: forms, form-filename
TEST(Form, Vectors) {
    for (const Json& vector : vectors::load("forms.json")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const std::string body = octets(vector.at("body"));
        const auto parsed = parse_form(octets(vector.at("content_type")), body);
        ASSERT_EQ(parsed ? 0 : parsed.error().status(), vector.value("status", 0)) << error_text(parsed);
        const Form form = parsed ? *parsed : Form();
        EXPECT_EQ(form.fields, vectors::pairs(vector.value("fields", Json::array())));
        EXPECT_EQ(files_of(form), files_of(vector.value("files", Json::array())));
    }
}

// Each body is in its own block, so that the sanitizers detect reads beyond its end.
TEST(Form, BodiesThatAreCutAnywhere) {
    for (const Json& vector : vectors::load("forms.json")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const std::string type = octets(vector.at("content_type")), body = octets(vector.at("body"));
        if (body.size() > 2000) continue;
        for (std::size_t size = 0; size < body.size(); ++size) {
            const std::vector<char> cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
            const auto form = parse_form(type, {cut.data(), cut.size()});
            EXPECT_TRUE(form || form.error().status() == vector.value("status", 400)) << vectors::shown(body);
        }
    }
}

TEST(Form, AUrlencodedBodyMayBeBounded) {
    const char* const type = "application/x-www-form-urlencoded";
    EXPECT_TRUE(parse_form(type, "a=12", 4));
    const auto form = parse_form(type, "a=12", 3);
    ASSERT_FALSE(form);
    EXPECT_EQ(form.error().status(), 413);
    EXPECT_EQ(form.error().text, "expected at most 3 octets in all text fields together (max_part_size), got more");
}

TEST(Form, DataIsNotCopied) {
    const std::string body = "--b\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\ndata\r\n--b--";
    const auto form = parse_form("multipart/form-data; boundary=b", body);
    ASSERT_EQ(error_text(form), "");
    ASSERT_EQ(form->files.size(), 1U);
    EXPECT_EQ(form->files[0].data.data(), body.data() + body.find("data\r\n--b--"));
}

}  // namespace
}  // namespace proapi::http
