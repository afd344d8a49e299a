// FormReader: the parts of a multipart form, as the body arrives.
#include "http/form_reader.hpp"
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "http/form.hpp"

namespace proapi::bindings {

namespace {

class FormReader {
public:
    FormReader(std::string_view boundary, const http::FormLimits& limits) : reader_(boundary, limits) {}

    // (0, "", events), or (status, text, the events before the fault).
    nb::tuple feed(const nb::bytes& octets, bool is_last) {
        reader_.feed({octets.c_str(), octets.size()});
        if (is_last) reader_.finish();
        nb::list events;
        while (true) {
            const auto event = reader_.next();
            if (!event) return nb::make_tuple(event.error().status(), event.error().text, events);
            switch (*event) {
                case http::FormEvent::need_data:
                case http::FormEvent::end:
                    return nb::make_tuple(0, "", events);
                case http::FormEvent::field:
                    events.append(nb::make_tuple(reader_.field().first, reader_.field().second));
                    break;
                case http::FormEvent::file: {
                    const http::PartHead& file = reader_.file();
                    events.append(nb::make_tuple(file.name, *file.filename, file.content_type));
                    break;
                }
                case http::FormEvent::data:
                    events.append(nb::bytes(reader_.data().data(), reader_.data().size()));
                    break;
                case http::FormEvent::file_end:
                    events.append(nb::none());
                    break;
            }
        }
    }

private:
    http::FormReader reader_;
};

}  // namespace

nb::tuple make_form_reader(std::string_view content_type, const http::FormLimits& limits) {
    const auto boundary = http::find_boundary(content_type);
    if (!boundary) return nb::make_tuple(boundary.error().status(), boundary.error().text, nb::none());
    if (!*boundary) return nb::make_tuple(0, "", nb::none());
    return nb::make_tuple(0, "", nb::cast(new FormReader(**boundary, limits), nb::rv_policy::take_ownership));
}

void add_form_reader(nb::module_& module) {
    nb::class_<FormReader>(module, "FormReader").def("feed", &FormReader::feed, nb::arg("octets"), nb::arg("is_last"));
}

}  // namespace proapi::bindings
