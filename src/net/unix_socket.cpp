#include "net/unix_socket.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>

namespace proapi::net {

static_assert(max_unix_path + 1 == sizeof(sockaddr_un::sun_path));

namespace {

constexpr int max_name_attempts = 100;

struct UnixAddress {
    sockaddr_un name{};
    socklen_t length = 0;

    // `path` has at most max_unix_path octets. "@" stands for the zero octet that begins an abstract name.
    explicit UnixAddress(std::string_view path) noexcept {
        const bool is_abstract = path.starts_with('@');
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, path.data(), path.size());
        if (is_abstract) name.sun_path[0] = '\0';
        length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));
    }
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&name); }
};

[[nodiscard]] base::Descriptor open_socket() {
    return base::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

[[nodiscard]] base::Address where(const std::string& path) {
    return {std::string(base::unix_host) + ":" + path, 0};
}

[[nodiscard]] ListenError in_use(const std::string& path) {
    return {std::make_error_code(std::errc::address_in_use),
            "can't listen on " + base::to_string(where(path)) +
                ": another process listens there; stop it or choose another path"};
}

// Returns nothing if a server that died has left `path` behind, or if nothing is there; else why it can't be replaced.
[[nodiscard]] base::Result<void, ListenError> check_replaceable(const std::string& path, const std::string& shown) {
    struct stat file{};
    if (::lstat(path.c_str(), &file) != 0) return {};  // the next call says why
    if (!S_ISSOCK(file.st_mode))
        return ListenError{std::make_error_code(std::errc::file_exists),
                           "can't listen on " + base::to_string(where(shown)) +
                               ": a file that is not a socket is there; remove it or choose another path"};
    const base::Descriptor probe = open_socket();
    if (!probe) return make_listen_error(where(shown), last_error(), "free some descriptors");
    const UnixAddress address(path);
    if (::connect(probe.get(), address.get(), address.length) == 0) return in_use(shown);
    if (errno == ECONNREFUSED || errno == ENOENT) return {};
    if (errno == EAGAIN || errno == EPROTOTYPE) return in_use(shown);  // its queue is full; it is of another type
    return make_listen_error(where(shown), last_error(), "a socket is there that can't be checked; remove it");
}

// Returns a name beside `path` that nobody else uses, no longer than max_unix_path. It begins like `path`, because
// tools such as ss show the name to which a socket was bound.
[[nodiscard]] std::string choose_temporary_name(const std::string& path) {
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz012345";
    std::array<unsigned char, 6> random{};
    if (::getrandom(random.data(), random.size(), 0) < 0) random.fill(0);  // the name is then tried as it is
    std::string suffix = ".";
    for (const unsigned char octet : random) suffix += letters[octet % letters.size()];
    const std::size_t folder = path.rfind('/') + 1;  // npos + 1 is 0
    const std::size_t kept = std::clamp(max_unix_path - suffix.size(), folder, std::max(folder, path.size()));
    const std::size_t room = std::min(suffix.size(), max_unix_path - kept);
    return path.substr(0, kept) + suffix.substr(suffix.size() - room);
}

// Binds to a temporary name beside `path`. Returns the name; empty with errno set if that is not possible.
[[nodiscard]] std::string bind_beside(const base::Descriptor& socket, const std::string& path) {
    for (int attempts = 0; attempts < max_name_attempts; ++attempts) {
        std::string name = choose_temporary_name(path);
        const UnixAddress address(name);
        if (::bind(socket.get(), address.get(), address.length) == 0) return name;
        if (errno != EADDRINUSE) break;
    }
    return {};
}

// Removes a file when it is destroyed.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& path) noexcept : path_(path) {}
    ~TemporaryFile() { ::unlink(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

private:
    const std::string& path_;
};

[[nodiscard]] int rename_with(const std::string& from, const std::string& to, unsigned how) noexcept {
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), how);
}

// Renames `temporary`, a socket that listens, to `path`. What was at `path` is then at `temporary`, or is gone.
[[nodiscard]] base::Result<void, ListenError> give_path(const std::string& temporary, const std::string& path) {
    if (rename_with(temporary, path, RENAME_NOREPLACE) == 0) return {};
    if (auto replaceable = check_replaceable(path, path); !replaceable) return replaceable;
    if (rename_with(temporary, path, RENAME_EXCHANGE) == 0) {
        // Another server may have taken the path since it was checked. It keeps it.
        auto replaceable = check_replaceable(temporary, path);
        if (!replaceable) static_cast<void>(rename_with(temporary, path, RENAME_EXCHANGE));
        return replaceable;
    }
    // The file system can't exchange names, or the file is gone.
    if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
    return make_listen_error(where(path), last_error(), "choose another path");
}

[[nodiscard]] base::Result<UnixSocket, ListenError> listen_on_abstract_name(const std::string& name, int backlog) {
    base::Descriptor socket = open_socket();
    const UnixAddress address(name);
    if (!socket || ::bind(socket.get(), address.get(), address.length) != 0 || ::listen(socket.get(), backlog) != 0)
        return errno == EADDRINUSE ? in_use(name) : make_listen_error(where(name), last_error(), "check uds");
    return UnixSocket{std::move(socket), {}, where(name)};
}

[[nodiscard]] base::Result<UnixSocket, ListenError> listen_on_path(const std::string& path, mode_t mode, int backlog) {
    if (auto replaceable = check_replaceable(path, path); !replaceable) return std::move(replaceable).error();
    base::Descriptor socket = open_socket();
    if (!socket) return make_listen_error(where(path), last_error(), "free some descriptors");
    const std::string temporary = bind_beside(socket, path);
    if (temporary.empty())
        return make_listen_error(where(path), last_error(), "check that its folder exists and can be written to");
    const TemporaryFile removed(temporary);
    struct stat file{};
    // Nobody can connect before listen(), so the mode is right from the first connection on.
    if (::chmod(temporary.c_str(), mode) != 0 || ::lstat(temporary.c_str(), &file) != 0 ||
        ::listen(socket.get(), backlog) != 0)
        return make_listen_error(where(path), last_error(), "check uds and uds_mode");
    if (auto given = give_path(temporary, path); !given) return std::move(given).error();
    return UnixSocket{std::move(socket), UnixSocketFile(path, file), where(path)};
}

}  // namespace

UnixSocketFile::UnixSocketFile(std::string path, const struct stat& file) noexcept
    : path_(std::move(path)), device_(file.st_dev), inode_(file.st_ino), creator_(::getpid()) {}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
    creator_ = other.creator_;
    return *this;
}

void UnixSocketFile::remove() noexcept {
    struct stat file{};
    const bool is_ours = !path_.empty() && creator_ == ::getpid() && ::lstat(path_.c_str(), &file) == 0 &&
                         file.st_dev == device_ && file.st_ino == inode_;
    if (is_ours) ::unlink(path_.c_str());
    path_.clear();
}

base::Result<UnixSocket, ListenError> listen_on_unix_socket(const std::string& path, mode_t mode, int backlog) {
    const auto refuse = [&](std::string_view why) {
        return ListenError{std::make_error_code(std::errc::invalid_argument),
                           "uds: expected the path of a socket, at most " + std::to_string(max_unix_path) +
                               " octets, got " + std::string(why)};
    };
    if (path.empty()) return refuse("none");
    if (path.size() > max_unix_path) return refuse(std::to_string(path.size()) + " octets: " + path);
    if (path.find('\0', 1) != std::string::npos) return refuse("a zero octet in it");
    if (path.ends_with('/')) return refuse("a folder: " + path);
    const bool is_abstract = path.front() == '@' || path.front() == '\0';
    return is_abstract ? listen_on_abstract_name("@" + path.substr(1), backlog) : listen_on_path(path, mode, backlog);
}

std::string describe_unix_socket(int socket) {
    sockaddr_un name{};
    socklen_t length = sizeof name;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &length) != 0) length = 0;
    std::string text(base::unix_host);
    if (length <= offsetof(sockaddr_un, sun_path)) return text;
    const std::size_t size = std::min<std::size_t>(length - offsetof(sockaddr_un, sun_path), sizeof name.sun_path);
    if (name.sun_path[0] == '\0') return text + ":@" + std::string(name.sun_path + 1, size - 1);
    return text + ":" + std::string(name.sun_path, ::strnlen(name.sun_path, size));
}

}  // namespace proapi::net
