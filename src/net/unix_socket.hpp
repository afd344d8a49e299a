// Listening Unix sockets. A socket gets its path in one step: connections are never refused because the mode is not set
// yet or nobody listens yet. A file that a server has left behind when it died is replaced; a file that belongs to a
// server that lives, or that is not a socket, is never touched.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "net/listen_error.hpp"

namespace proapi::net {

// The file of a listening socket. Destroying it removes the file, unless another socket has the path by now or this
// process was forked from the one that made it. A moved-from object owns no file.
class UnixSocketFile {
public:
    UnixSocketFile() = default;
    // `file` describes what is at `path`.
    UnixSocketFile(std::string path, const struct stat& file) noexcept;
    UnixSocketFile(UnixSocketFile&& other) noexcept { *this = std::move(other); }
    UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;
    ~UnixSocketFile() { remove(); }

    // Removes the file now. Further calls do nothing.
    void remove() noexcept;

private:
    std::string path_;  // empty: no file
    dev_t device_ = 0;
    ino_t inode_ = 0;
    pid_t creator_ = 0;
};

struct UnixSocket {
    base::Descriptor socket;
    UnixSocketFile file;
    base::Address address;
};

inline constexpr std::size_t max_unix_path = 107;  // octets

// Listens at `path`, whose file gets the permissions `mode`. "@name", or "\0name", is a name in Linux' abstract
// namespace instead: it has no file and no permissions, and ends with its socket. Blocks for a few system calls. The
// error is EADDRINUSE if another process listens there.
[[nodiscard]] base::Result<UnixSocket, ListenError> listen_on_unix_socket(const std::string& path, mode_t mode,
                                                                          int backlog);

// Returns "unix:" and the name of a bound Unix socket; "unix" if it has no name.
[[nodiscard]] std::string describe_unix_socket(int socket);

}  // namespace proapi::net
