#include "service/static_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "http/response.hpp"
#include "service/byte_range.hpp"

namespace proapi::service {

namespace {

constexpr int max_tries = 16;  // of an open(), if something is renamed meanwhile

[[nodiscard]] StaticFile refuse(Refusal refusal) {
    const auto [status, text] = describe(refusal);
    return {.status = status,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .file = {},
            .text = std::string(text) + "\n"};
}

// A file that does not exist is a normal answer. A file that can't be opened is a fault, possibly a temporary one.
[[nodiscard]] StaticFile refusal_of_open(int error) {
    StaticFile refused = refuse(Refusal::no_such_file);
    switch (error) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ELOOP:
        case EXDEV:  // outside the directory
        case ENXIO:  // a socket
        case EINVAL:
            return refused;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
            refused = refuse(Refusal::file_unavailable);
            refused.headers.add("Retry-After", "1");
            break;
        default:
            refused = refuse(Refusal::internal_error);
    }
    refused.error = error;
    return refused;
}

// The kernel resolves the path and refuses every path that leaves `directory`, including through symbolic links.
// O_NONBLOCK: opening a FIFO must not block the loop before fstat() shows that it is not a regular file.
[[nodiscard]] base::Descriptor open_beneath(const std::string& directory, const std::string& path) {
    const base::Descriptor root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return {};
    open_how how{};
    how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    long fd = -1;
    for (int tries = 0; tries < max_tries && fd < 0 && (tries == 0 || errno == EAGAIN || errno == EINTR); ++tries)
        fd = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
    return base::Descriptor(static_cast<int>(fd));
}

[[nodiscard]] bool names_dot_file(std::string_view path) noexcept {
    constexpr std::string_view well_known = ".well-known";
    if (path.starts_with(well_known) && path.substr(well_known.size()).starts_with("/")) path.remove_prefix(1);
    return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

// Compares entity tags octet by octet (RFC 9110 section 8.8.3.2). A weak comparison ignores a "W/" prefix; a strong
// comparison fails if either tag has one.
enum class Comparison : std::uint8_t { weak, strong };
[[nodiscard]] bool is_same_etag(std::string_view one, std::string_view other, Comparison comparison) {
    constexpr std::string_view weak_mark = "W/";
    const bool is_weak = one.starts_with(weak_mark) || other.starts_with(weak_mark);
    if (is_weak && comparison == Comparison::strong) return false;
    for (std::string_view* tag : {&one, &other})
        if (tag->starts_with(weak_mark)) tag->remove_prefix(weak_mark.size());
    return one == other;
}

// Whether the field contains the tag or "*".
[[nodiscard]] bool lists_etag(const http::Headers& headers, std::string_view name, std::string_view etag,
                              Comparison comparison) {
    for (const std::string_view value : headers.getlist(name))
        for (const std::string_view one : http::split_list(value))
            if (one == "*" || is_same_etag(one, etag, comparison)) return true;
    return false;
}

// If-Match and If-Unmodified-Since, in the order of RFC 9110 section 13.2.2.
[[nodiscard]] bool fails_precondition(const http::RequestHead& request, std::string_view etag, std::int64_t modified) {
    if (request.headers.contains("if-match")) return !lists_etag(request.headers, "if-match", etag, Comparison::strong);
    const auto since = request.headers.get("if-unmodified-since");
    const auto date = since ? http::parse_date(*since) : std::nullopt;
    return date && modified > *date;
}

[[nodiscard]] bool is_not_modified(const http::RequestHead& request, std::string_view etag, std::int64_t modified) {
    if (request.headers.contains("if-none-match"))
        return lists_etag(request.headers, "if-none-match", etag, Comparison::weak);
    if (const auto since = request.headers.get("if-modified-since")) {
        const auto date = http::parse_date(*since);
        return date && modified <= *date;
    }
    return false;
}

// Answers with a file that was just opened, or with a refusal if opening failed (errno holds the reason). Applies the
// request's conditions and range unless `always_whole`. If `etag` is empty, makes one from the file's metadata.
[[nodiscard]] StaticFile answer_with_file(base::Descriptor file, std::string_view name,
                                          const http::RequestHead& request, std::string etag = {},
                                          bool always_whole = false) {
    if (!file) return refusal_of_open(errno);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return refuse(Refusal::no_such_file);

    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (etag.empty())
        etag = "\"" + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + "-" +
               std::to_string(size) + "\"";
    StaticFile found;
    found.headers.add("ETag", etag);
    found.headers.add("Last-Modified", http::format_date(status.st_mtim.tv_sec));
    const bool is_get = request.method == "GET";
    const bool is_conditional = !always_whole && (is_get || request.method == "HEAD");
    if (is_conditional && fails_precondition(request, etag, status.st_mtim.tv_sec))
        return refuse(Refusal::file_has_changed);
    if (is_conditional && is_not_modified(request, etag, status.st_mtim.tv_sec)) {
        found.status = 304;
        return found;
    }
    found.headers.add("Content-Type", http::guess_content_type(name));
    found.headers.add("Accept-Ranges", "bytes");
    found.headers.add("X-Content-Type-Options", "nosniff");

    ByteRange range{RangeKind::whole, 0, size};
    const auto field = request.headers.get("range");
    const auto condition = request.headers.get("if-range");
    const bool is_same = !condition || is_same_etag(*condition, etag, Comparison::strong);
    if (field && is_conditional && is_get && is_same) range = read_byte_range(*field, size);
    if (range.kind == RangeKind::unsatisfiable) {
        StaticFile refused = refuse(Refusal::range_beyond_file);
        refused.headers.add("Content-Range", "bytes */" + std::to_string(size));
        return refused;
    }
    found.status = range.kind == RangeKind::part ? 206 : 200;
    if (range.kind == RangeKind::part)
        found.headers.add("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                               std::to_string(range.first + range.length - 1) + "/" +
                                               std::to_string(size));
    found.file = FileBody{std::move(file), range.first, range.length};
    return found;
}

}  // namespace

Result<void> check_directory(const std::string& directory) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        return make_error(ErrorCode::not_a_directory, {directory});
    if (!open_beneath(directory, ".") && (errno == ENOSYS || errno == EPERM)) return make_error(ErrorCode::no_openat2);
    return {};
}

StaticFile find_static_file(const std::string& directory, std::string_view path, DotFiles dot_files,
                            const http::RequestHead& request) {
    if (dot_files == DotFiles::hidden && names_dot_file(path)) return refuse(Refusal::no_such_file);
    std::string name(path);
    if (name.find('\\') != std::string::npos || name.starts_with('/')) return refuse(Refusal::no_such_file);
    if (name.empty() || name.ends_with('/')) name += "index.html";
    return answer_with_file(open_beneath(directory, name), name, request);
}

StaticFile answer_with_file_at(const std::string& path, int status, http::Headers headers,
                               const http::RequestHead& request) {
    if (path.find('\0') != std::string::npos) return refuse(Refusal::no_such_file);
    base::Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    StaticFile found =
        answer_with_file(std::move(file), path, request, std::string(headers.get("etag").value_or("")), status != 200);
    if (found.status >= 400) return found;
    if (found.status == 304)  // RFC 9110 section 15.4.5: no fields that describe the content
        for (const char* name : {"Content-Type", "Content-Encoding", "Content-Disposition"}) headers.remove(name);
    for (const auto& [name, value] : found.headers)
        if (!headers.contains(name)) headers.add(name, value);
    found.headers = std::move(headers);
    if (found.status == 200) found.status = status;
    return found;
}

StaticFile serve_files(const Site& site, const RequestInfo& request) {
    const auto& parameters = request.match.parameters;
    const std::string_view path = parameters.empty() ? "" : std::string_view(parameters.front().value);
    const Route& route = site.routes.at(request.match.route);
    StaticFile found = find_static_file(route.directory, path, route.dot_files, request.head);
    if (found.status != 404) return found;
    if (site.router.match(http::websocket_method, request.route_path()).kind != http::MatchKind::matched) return found;
    StaticFile refused = refuse(Refusal::websocket_only);
    refused.headers.add("Upgrade", "websocket");
    return refused;
}

}  // namespace proapi::service
