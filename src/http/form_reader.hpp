// Reads a multipart/form-data body while it arrives, as text fields and files: what parse_form() returns of a complete
// body, in constant memory. Text fields are kept until they are complete; the data of files are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/error.hpp"
#include "http/multipart_reader.hpp"
#include "http/url.hpp"

namespace proapi::http {

struct FormLimits {
    std::size_t max_parts = SIZE_MAX;      // fields and files together
    std::size_t max_fields = 1000;         // text fields
    std::size_t max_files = 1000;          // also file fields that the user left empty
    std::size_t max_text_bytes = 1 << 20;  // the values of all text fields together
};

enum class FormEvent : std::uint8_t {
    need_data,  // feed() more
    field,      // a text field, complete: see field()
    file,       // a file begins: see file()
    data,       // octets of the file: see data()
    file_end,
    end,
};

class FormReader {
public:
    FormReader(std::string_view boundary, const FormLimits& limits) : reader_(boundary), limits_(limits) {}

    // As MultipartReader's.
    void feed(std::string_view octets) { reader_.feed(octets); }
    void finish() noexcept { reader_.finish(); }
    // Fails with status 400, or with 413 beyond max_text_bytes; call nothing afterwards.
    [[nodiscard]] Result<FormEvent> next();

    // Name and value, both UTF-8. The caller may move them.
    [[nodiscard]] Pairs::value_type& field() noexcept { return field_; }
    // The content type is text/plain if the client gives none (RFC 7578 section 4.4).
    [[nodiscard]] const PartHead& file() noexcept { return reader_.head(); }
    // Valid until the next call of next(). All of the file, if feed() was called once.
    [[nodiscard]] std::string_view data() const noexcept { return reader_.data(); }

private:
    // A file without a name is a field that the user has left empty, unless it has data: its data then follow.
    enum class Part : std::uint8_t { text, nameless_file, begun_file, file };

    [[nodiscard]] Result<void> begin_part();
    [[nodiscard]] Result<void> add_text();
    [[nodiscard]] Result<void> end_text();
    [[nodiscard]] Error in_part(Error error) const;

    MultipartReader reader_;
    const FormLimits limits_;
    Part part_ = Part::text;
    Pairs::value_type field_;
    std::size_t fields_ = 0, files_ = 0, text_bytes_ = 0;
};

}  // namespace proapi::http
