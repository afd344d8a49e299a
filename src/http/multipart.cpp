#include "http/multipart.hpp"

#include <utility>

#include "http/form_reader.hpp"

namespace proapi::http {

Result<Form> parse_multipart(std::string_view boundary, std::string_view body) {
    // The body is in memory already, so its size bounds the rest.
    FormReader reader(boundary, {.max_parts = max_form_parts,
                                 .max_fields = max_form_parts,
                                 .max_files = max_form_parts,
                                 .max_text_bytes = body.size()});
    reader.feed(body);
    reader.finish();
    Form form;
    while (true) {
        const auto event = reader.next();
        if (!event) return event.error();
        switch (*event) {
            case FormEvent::field:
                form.fields.push_back(std::move(reader.field()));
                break;
            case FormEvent::file: {
                const PartHead& file = reader.file();
                form.files.push_back({file.name, *file.filename, file.content_type, {}});
                break;
            }
            case FormEvent::data:
                form.files.back().data = reader.data();
                break;
            case FormEvent::file_end:
                break;
            case FormEvent::need_data:
            case FormEvent::end:
                return form;
        }
    }
}

}  // namespace proapi::http
