// Where a server is to listen, from the options of run() and from the environment.
#pragma once

#include "net/listening_sockets.hpp"
#include "proapi/settings.hpp"

namespace proapi::detail {

// Reads PROAPI_HOST, PROAPI_PORT, and what systemd passes to a service of sockets (LISTEN_PID, LISTEN_FDS), which is
// taken once: it is removed from the environment. Throws std::runtime_error, one line, if an option is not valid.
[[nodiscard]] net::ListenOptions find_listen_options(const RunOptions& options, int backlog);

}  // namespace proapi::detail
