// The text fields and files of a multipart/form-data body that arrives in pieces, and their limits.
#include "http/form_reader.hpp"

#include <gtest/gtest.h>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

std::string text_part(const std::string& name, const std::string& value) {
    return "--X\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n";
}

std::string file_part(const std::string& name, const std::string& filename, const std::string& data,
                      const std::string& more = {}) {
    return "--X\r\nContent-Disposition: form-data; name=" + name + "; filename=\"" + filename + "\"\r\n" + more +
           "\r\n" + data + "\r\n";
}

// Reads a body in pieces of `size` octets.
std::string read_form(const std::string& body, const FormLimits& limits = {}, std::size_t size = 1) {
    FormReader reader("X", limits);
    std::string out;
    for (std::size_t at = 0; at <= body.size(); at += size) {
        const std::string piece = body.substr(at, size);
        reader.feed(piece);
        if (at + size > body.size()) reader.finish();
        for (bool goes_on = true; goes_on;) {
            const auto event = reader.next();
            if (!event) return out + std::to_string(event.error().status()) + " " + event.error().text;
            goes_on = *event != FormEvent::need_data && *event != FormEvent::end;
            if (*event == FormEvent::field) out += reader.field().first + "=" + reader.field().second + " ";
            if (*event == FormEvent::file)
                out += reader.file().name + "=<" + *reader.file().filename + "|" + reader.file().content_type + "|";
            if (*event == FormEvent::data) out += reader.data();
            if (*event == FormEvent::file_end) out += "> ";
            if (*event == FormEvent::end) return out;
        }
    }
    return out + "no end";
}

TEST(FormReader, ReadsFieldsAndFilesInOrder) {
    const std::string body = text_part("a", "1") + file_part("f", "g.txt", "data", "Content-Type: image/png\r\n") +
                             text_part("a", "") + file_part("f", "h", "") + "--X--\r\n";
    for (const std::size_t size : {1UL, 3UL, body.size() + 1})
        EXPECT_EQ(read_form(body, {}, size), "a=1 f=<g.txt|image/png|data> a= f=<h|text/plain|> ");
}

TEST(FormReader, AFileFieldThatWasLeftEmptyIsNoFile) {
    EXPECT_EQ(read_form(file_part("f", "", "") + text_part("a", "1") + "--X--"), "a=1 ");
    EXPECT_EQ(read_form(file_part("f", "", "data") + "--X--"), "f=<|text/plain|data> ");
}

TEST(FormReader, EachLimitNamesItsSetting) {
    const FormLimits limits{.max_fields = 2, .max_files = 1, .max_text_bytes = 4};
    EXPECT_EQ(
        read_form(text_part("a", "12") + text_part("b", "34") + file_part("f", "g", "long data") + "--X--", limits),
        "a=12 b=34 f=<g|text/plain|long data> ");
    EXPECT_EQ(read_form(text_part("a", "") + text_part("b", "") + text_part("c", ""), limits),
              "a= b= 400 part 3: expected at most 2 text fields (max_fields), got more");
    EXPECT_EQ(read_form(file_part("f", "", "") + file_part("f", "", ""), limits),
              "400 part 2: expected at most 1 files (max_files), got more");
    EXPECT_EQ(read_form(text_part("a", "12") + text_part("b", "345"), limits),
              "a=12 413 part 2: expected at most 4 octets in all text fields together (max_part_size), got more");
}

TEST(FormReader, ATextIsUtf8) {
    EXPECT_EQ(read_form(text_part("a", "\xc3\xa4") + text_part("b", "\xc3") + "--X--"),
              "a=\xc3\xa4 400 part 2: expected a text in UTF-8, got other octets");
}

}  // namespace
}  // namespace proapi::http
