// Serves files of a directory over HTTP. The path can't leave the directory, whatever it contains and wherever symbolic
// links lead. Supports validators (RFC 9110 section 8.8), conditional requests (section 13) and byte ranges (section
// 14).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "service/exchange.hpp"
#include "service/site.hpp"

namespace proapi::service {

struct StaticFile {
    int status = 404;
    http::Headers headers;
    std::optional<FileBody> file;  // the body; if nullopt, `text` is the body
    std::string text;
    int error = 0;  // errno, for the log, if the file may exist but could not be opened
};

// Whether files can be served from `directory`.
[[nodiscard]] Result<void> check_directory(const std::string& directory);

// `path` is relative and decoded; a directory stands for its index.html. With DotFiles::hidden, every path with a
// segment that begins with a dot gets a 404, except for a first segment ".well-known" (RFC 8615). Only the path counts,
// not where a symbolic link leads.
[[nodiscard]] StaticFile find_static_file(const std::string& directory, std::string_view path, DotFiles dot_files,
                                          const http::RequestHead& request);

// Answers with the file at `path`, which is trusted. `headers` take precedence over the fields derived from the file;
// they are left out if the answer is an error (no such file, no such range). If `status` is not 200, as for an error
// page, the answer is always the whole file.
[[nodiscard]] StaticFile answer_with_file_at(const std::string& path, int status, http::Headers headers,
                                             const http::RequestHead& request);

// Answers a request that matched a route of files. If there is no such file, but the path also matches a WebSocket
// route, returns that route's 426: a mount at the root does not hide other routes.
[[nodiscard]] StaticFile serve_files(const Site& site, const RequestInfo& request);

}  // namespace proapi::service
