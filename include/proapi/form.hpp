// Forms: the text fields and files of an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578).
//
//   app.post("/photos", [](proapi::BodyStream body) -> proapi::Task<> {
//       const proapi::FormData form = co_await body.form();
//       for (const proapi::UploadFile& file : form.files) co_await file.save(choose_name());
//   }, {.max_body_size = 4ull << 30});
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proapi/fields.hpp"
#include "proapi/task.hpp"

namespace proapi {

namespace detail {
class TemporaryFile;
}

// A file in a form. Do not use the client's file name as a path: it may be "../../etc/passwd", or empty.
struct UploadFile {
    std::string name;      // the form field's name; several files may have the same
    std::string filename;  // UTF-8
    std::string content_type = "text/plain";
    // Octets: of the request's body or, in a form that was read as it arrived, of memory or a file on the disk, which
    // is then read where the view is.
    std::string_view data;
    std::shared_ptr<const void> owner;  // keeps the octets: `data` lives as long as a copy of this file
    std::shared_ptr<const detail::TemporaryFile> disk = nullptr;  // internal

    // Writes `data` to a file of your naming, in a thread; a file that is there is overwritten. Throws
    // std::system_error.
    [[nodiscard]] Task<> save(std::filesystem::path path) const;
};

struct FormData {
    Params fields;                  // in order
    std::vector<UploadFile> files;  // in order
};

// Limits of a form that is read as it arrives.
struct FormOptions {
    std::size_t max_files = 1000;         // more are a 400
    std::size_t max_fields = 1000;        // text fields; more are a 400
    std::size_t max_part_size = 1 << 20;  // octets of all text fields together; more are a 413
};

}  // namespace proapi
