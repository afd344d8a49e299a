#include "http/form_reader.hpp"

#include <utility>

#include "base/utf8.hpp"

namespace proapi::http {

Result<FormEvent> FormReader::next() {
    if (part_ == Part::begun_file) {  // the data that has shown that there is a file
        part_ = Part::file;
        return FormEvent::data;
    }
    while (true) {
        const auto event = reader_.next();
        if (!event) return event.error();
        Result<void> read;
        switch (*event) {
            case MultipartEvent::need_data:
                return FormEvent::need_data;
            case MultipartEvent::end:
                return FormEvent::end;
            case MultipartEvent::part:
                if (reader_.part_number() > limits_.max_parts)
                    return make_error(ErrorCode::too_many_parts, {std::to_string(limits_.max_parts)});
                read = begin_part();
                if (read && part_ == Part::file) return FormEvent::file;
                break;
            case MultipartEvent::data:
                if (part_ == Part::file) return FormEvent::data;
                if (part_ == Part::nameless_file) {
                    part_ = Part::begun_file;
                    return FormEvent::file;
                }
                read = add_text();
                break;
            case MultipartEvent::part_end:
                if (part_ == Part::file) return FormEvent::file_end;
                if (part_ == Part::nameless_file) break;
                read = end_text();
                if (read) return FormEvent::field;
                break;
        }
        if (!read) return in_part(std::move(read).error());
    }
}

Result<void> FormReader::begin_part() {
    PartHead& head = reader_.head();
    if (!head.filename) {
        if (++fields_ > limits_.max_fields)
            return make_error(ErrorCode::too_many_text_fields, {std::to_string(limits_.max_fields)});
        part_ = Part::text;
        field_ = {std::move(head.name), std::string()};
        return {};
    }
    if (++files_ > limits_.max_files) return make_error(ErrorCode::too_many_files, {std::to_string(limits_.max_files)});
    // RFC 7578 section 4.4, and RFC 2045 section 5.2 for an empty Content-Type.
    if (head.content_type.empty()) head.content_type = "text/plain";
    part_ = head.filename->empty() ? Part::nameless_file : Part::file;
    return {};
}

Result<void> FormReader::add_text() {
    const std::string_view data = reader_.data();
    text_bytes_ += data.size();
    if (text_bytes_ > limits_.max_text_bytes)
        return make_error(ErrorCode::too_much_text, {std::to_string(limits_.max_text_bytes)});
    field_.second.append(data);
    return {};
}

Result<void> FormReader::end_text() {
    if (!base::is_valid_utf8(base::as_bytes(field_.second))) return make_error(ErrorCode::part_not_utf8);
    return {};
}

Error FormReader::in_part(Error error) const {
    return with_context("part " + std::to_string(reader_.part_number()), std::move(error));
}

}  // namespace proapi::http
