// Files of a directory over HTTP: found below the directory and nowhere else, whatever the path or a symbolic link
// says; with validators (RFC 9110 section 8.8), conditional requests (13) and byte ranges (14).
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
    std::optional<FileBody> file;  // the body; else `text` is
    std::string text;
    int error = 0;  // the file could not be opened, though it may be there: an error number, for the log
};

// Whether files can be served from there.
[[nodiscard]] Result<void> check_directory(const std::string& directory);

// `path` is relative and decoded; a directory stands for its index.html. Hidden dot files are not there: a 404 for
// every path of which a segment begins with a dot, but for a first one that is ".well-known" (RFC 8615), whatever a
// link leads to.
[[nodiscard]] StaticFile find_static_file(const std::string& directory, std::string_view path, DotFiles dot_files,
                                          const http::RequestHead& request);

// A handler's response by the file at `path`, which is trusted. `headers` go before those that the file makes, and are
// left out where there is no such file or not that range of it. With another `status` than 200, which that of an
// error's page would be, it is always the whole file.
[[nodiscard]] StaticFile answer_with_file_at(const std::string& path, int status, http::Headers headers,
                                             const http::RequestHead& request);

// The answer to a request that matched a route of files. Where there is no such file, but a WebSocket route fits the
// path too, it is that route's 426: a mount at the root does not hide the routes beside it.
[[nodiscard]] StaticFile serve_files(const Site& site, const RequestInfo& request);

}  // namespace proapi::service
