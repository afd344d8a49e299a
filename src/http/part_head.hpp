// The fields before a part's data in a multipart/form-data body (RFC 7578 section 4). Internal to the `http` layer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/error.hpp"

namespace proapi::http {

// Names are UTF-8. A part with a filename is a file, even if the filename is empty.
struct PartHead {
    std::string name;
    std::optional<std::string> filename;
    std::string content_type;  // visible ASCII; empty: not given

    // Takes a line without its CRLF.
    [[nodiscard]] Result<void> read(std::string_view line);
    // Call after the last line.
    [[nodiscard]] Result<void> finish() const;

private:
    std::size_t field_count_ = 0;
    bool has_disposition_ = false, has_type_ = false, has_encoding_ = false;
};

}  // namespace proapi::http
