// Forms in complete request bodies: application/x-www-form-urlencoded (URL Standard section 5.1) and
// multipart/form-data (RFC 7578, RFC 2046 section 5.1.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.hpp"
#include "http/url.hpp"

namespace proapi::http {

inline constexpr std::size_t max_form_parts = 1000;  // fields and files of either kind of form; more: 400
// For one part of a multipart/form-data body; the octets include all line ends.
inline constexpr std::size_t max_part_fields = 16;
inline constexpr std::size_t max_part_head_bytes = 4096;

// Names are UTF-8. The client's name for its file is not a path: it may be "../../etc/passwd", or empty.
struct FormFile {
    std::string name;
    std::string filename;
    std::string content_type;  // visible ASCII
    std::string_view data;     // a view of the body
};

struct Form {
    Pairs fields;                 // in order
    std::vector<FormFile> files;  // in order
};

// Returns the boundary of a multipart/form-data body, and nullopt for another type of body. `content_type` is the
// request's field, or empty if there is none. Fails with status 400.
[[nodiscard]] Result<std::optional<std::string>> find_boundary(std::string_view content_type);

// `content_type` is the request's field, or empty if there is none. Linear in the size of the body; the data of files
// is not copied. Fails with status 415 for another type of body, with 400 for a malformed one or too many parts, and
// with 413 for a urlencoded one that is too large.
[[nodiscard]] Result<Form> parse_form(std::string_view content_type, std::string_view body,
                                      std::size_t max_urlencoded_bytes = SIZE_MAX);

}  // namespace proapi::http
