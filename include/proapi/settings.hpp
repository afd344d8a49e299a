// How to run an application, and its settings by name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace proapi {

// Names and values of limits, such as {"max_message_size", "65536"}. Times are in seconds, sizes in octets.
using Settings = std::vector<std::pair<std::string, std::string>>;

// Writes one line for each request and two for each WebSocket, through spdlog's logger "proapi.access" (stderr, unless
// the application registered a logger of that name before). common: the Common Log Format; json: one object per line.
enum class AccessLog : std::uint8_t { off, common, json };

// Whether clients must present a certificate that one of RunOptions::ssl_ca_certs has signed.
enum class CertReqs : std::uint8_t { none, optional, required };

// One host or several, by name or address: "127.0.0.1", or {"127.0.0.1", "::1"}. Without any it is not set.
class Hosts {
public:
    Hosts() = default;
    Hosts(const char* host) : names_{host} {}
    Hosts(std::string host) : names_{std::move(host)} {}
    Hosts(std::vector<std::string> hosts) : names_(std::move(hosts)) {}
    Hosts(std::initializer_list<std::string> hosts) : names_(hosts) {}

    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

private:
    std::vector<std::string> names_;
};

// Where to listen, and how to run. A server listens on all that is set: with `uds` or `fd`, on hosts only if `host` or
// `port` is set too. If none of the four is set, it takes the sockets that systemd has passed to this process
// (LISTEN_PID, LISTEN_FDS), or else listens on PROAPI_HOST and PROAPI_PORT.
struct RunOptions {
    // If not set: PROAPI_HOST in the environment, or "127.0.0.1". "" and "::" are every address, IPv4 and IPv6.
    Hosts host = {};
    // If not set: PROAPI_PORT in the environment, or 8000. 0 chooses a free port.
    std::optional<int> port = std::nullopt;
    // The path of a Unix socket, at most 107 octets; "@name" is a name in Linux' abstract namespace. A file that a dead
    // server has left behind is replaced. The file is removed when the server stops.
    std::string uds = {};
    // The permissions of that file.
    unsigned uds_mode = 0666;
    // A TCP or Unix socket that listens already. It stays open.
    std::optional<int> fd = std::nullopt;
    // Lets other processes of this user listen on the same port (SO_REUSEPORT).
    bool reuse_port = false;
    // Python's fast mode. C++ always runs this way, so the flag has no effect.
    bool fast = false;
    // Number of threads, each with its own loop; a connection stays on the thread that accepted it. With more than one
    // thread, handlers run in parallel, and the data that they share needs a lock.
    int workers = 1;
    // If not set: PROAPI_ACCESS_LOG in the environment (off, common, json), or off.
    std::optional<AccessLog> access_log = std::nullopt;

    // Serves over TLS (https and wss) with the certificates in these PEM files, each followed by the intermediate ones.
    // Of several, the one whose names include the host that the client asks for (SNI) is used, or else the first. Files
    // that change are loaded again, and all of them when run() gets SIGHUP; if they are not usable, the old
    // certificates stay in use, and an error line says why. Empty: the file in PROAPI_SSL_CERTFILE, with the key in
    // PROAPI_SSL_KEYFILE, or else plain HTTP.
    std::vector<std::string> ssl_certfile = {};
    // The private keys, in the same order. Empty: each key is in its certificate's file.
    std::vector<std::string> ssl_keyfile = {};
    std::string ssl_keyfile_password = {};  // of encrypted keys
    std::string ssl_ca_certs = {};          // PEM file of the authorities that sign the certificates of clients
    // If not set: required if ssl_ca_certs is given, otherwise none. Handlers find the certificate in
    // client_certificate().
    std::optional<CertReqs> ssl_cert_reqs = std::nullopt;
    // The ciphers of TLS 1.2, in OpenSSL's notation. Empty: those with forward secrecy and authenticated encryption.
    std::string ssl_ciphers = {};
};

// Counters and current state of one worker.
struct Statistics {
    std::uint64_t accepted = 0, refused = 0;        // sockets
    std::uint64_t connections = 0, websockets = 0;  // open now
    std::uint64_t http = 0;                         // connections that are not WebSockets
    std::uint64_t tasks = 0;                        // running handlers and spawned tasks
    std::uint64_t dropped = 0;                      // sends to ended connections
    std::uint64_t send_queued_bytes = 0;            // sent by handlers, not yet taken by the kernel
    std::uint64_t partial_bytes = 0;                // of incomplete requests and messages
    std::map<std::uint16_t, std::uint64_t> closed;  // WebSockets, by close code
    std::vector<std::pair<std::string, double>> limits;
};
// Statistics of the caller's worker. Throws std::logic_error outside a handler or task.
[[nodiscard]] Statistics statistics();

}  // namespace proapi
