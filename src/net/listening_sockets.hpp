// The sockets that a server listens on, opened once for all its workers. Each worker then gets its own descriptors:
//
//   TCP                          one socket a worker, on the same port (SO_REUSEPORT): the kernel gives each connection
//                                to one of them
//   Unix, inherited descriptors  one socket, which every worker accepts from
//
// With several workers the object also reserves its TCP ports, with sockets that are bound and do not listen: no other
// program can take a port while a worker is being replaced, and no connection waits where nobody accepts it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/listen_error.hpp"
#include "net/listener.hpp"
#include "net/socket_address.hpp"
#include "net/unix_socket.hpp"

namespace proapi::net {

// Where a server is to listen: on all of these together.
struct ListenOptions {
    std::vector<std::string> hosts = {};  // names or addresses; "" is every address of this machine
    std::uint16_t port = 0;               // of every host; 0: a free one, the same for all
    std::string uds = {};                 // the path of a Unix socket; empty: none
    mode_t uds_mode = 0666;
    std::vector<int> fds = {};  // sockets that listen already. They stay open
    bool reuse_port = false;    // whether processes of the same user may listen on the same port
    int backlog = 2048;
};

class ListeningSockets {
public:
    // both: an IPv6 socket serves IPv4 too.
    enum class Family : std::uint8_t { one, both };

    // Opens everything, or nothing. Blocks while it resolves the hosts. `workers` is how often for_worker() will be
    // called, not counting the workers that replace others.
    [[nodiscard]] static base::Result<ListeningSockets, ListenError> open(const ListenOptions& options, int workers);

    // Hosts first, then the Unix socket, then the inherited sockets.
    [[nodiscard]] std::vector<base::Address> addresses() const;
    // The sockets of one worker; with workers=1 only the first call returns any. In the process of open(), or in one
    // forked from it.
    [[nodiscard]] base::Result<std::vector<ListeningSocket>, ListenError> for_worker();
    // For a worker in a process of its own: children that are forked from now on have none of what this object holds.
    void keep_from_children() noexcept;
    // Closes what this object still holds, once all workers have their sockets. The workers' own stay open.
    void close() noexcept;
    // Removes the Unix socket's file, so that new clients learn at once that nobody listens. The destructor does it
    // too.
    void remove_file() noexcept { file_.remove(); }

private:
    struct Entry {
        base::Descriptor socket;
        base::Address address;
        enum class Use : std::uint8_t { given_away, duplicated, reopened } use;
        // To open it again:
        SocketAddress bound = {};
        Family family = Family::one;
    };
    struct Opening;

    std::vector<Entry> entries_;
    UnixSocketFile file_;
    int backlog_ = 0;
};

}  // namespace proapi::net
