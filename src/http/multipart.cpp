#include "http/multipart.hpp"

#include <utility>

#include "base/utf8.hpp"
#include "http/multipart_reader.hpp"

namespace proapi::http {
namespace {

Result<void> add_part(PartHead head, std::string_view data, Form& form) {
    if (head.filename) {
        // A file field that the user left empty.
        if (head.filename->empty() && data.empty()) return {};
        // RFC 7578 section 4.4, and RFC 2045 section 5.2 for an empty Content-Type.
        if (head.content_type.empty()) head.content_type = "text/plain";
        form.files.push_back({std::move(head.name), *std::move(head.filename), std::move(head.content_type), data});
        return {};
    }
    if (!base::is_valid_utf8(base::as_bytes(data))) return make_error(ErrorCode::part_not_utf8);
    form.fields.emplace_back(std::move(head.name), data);
    return {};
}

}  // namespace

Result<Form> parse_multipart(std::string_view boundary, std::string_view body) {
    MultipartReader reader(boundary);
    reader.feed(body);
    reader.finish();
    Form form;
    std::string_view data;
    while (true) {
        const auto event = reader.next();
        if (!event) return event.error();
        switch (*event) {
            case MultipartEvent::part:
                if (reader.part_number() > max_form_parts)
                    return make_error(ErrorCode::too_many_parts, {std::to_string(max_form_parts)});
                data = {};
                break;
            case MultipartEvent::data:
                data = reader.data();
                break;
            case MultipartEvent::part_end:
                if (auto added = add_part(std::move(reader.head()), data, form); !added)
                    return with_context("part " + std::to_string(reader.part_number()), std::move(added).error());
                break;
            case MultipartEvent::need_data:
            case MultipartEvent::end:
                return form;
        }
    }
}

}  // namespace proapi::http
