// The listeners and connections of one reactor: accepts, counts, refuses connections beyond the limit, and stops
// gracefully. It serves a Site that it does not own and hands requests to an Application.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/file_stream.hpp"
#include "net/listener.hpp"
#include "net/proxy_header_reader.hpp"
#include "net/reactor.hpp"
#include "server/certificates.hpp"
#include "server/connection.hpp"
#include "server/limited_log.hpp"
#include "server/peer.hpp"
#include "server/shared_limit.hpp"
#include "server/system_clock.hpp"
#include "service/service.hpp"
#include "service/site.hpp"
#include "service/trusted_networks.hpp"

namespace proapi::server {

struct ServerCounts {
    std::uint64_t accepted = 0, refused = 0, open = 0;
    std::map<std::uint16_t, std::uint64_t> closed;  // WebSockets by close code, except when memory ran out
};

// What a server holds now. The query visits each connection.
struct ServerLoad {
    std::uint64_t http = 0, websockets = 0;  // connections
    std::uint64_t send_queued_bytes = 0;     // written by handlers, not yet taken by the kernel
    std::uint64_t partial_bytes = 0;         // of requests and messages that have begun but not ended
};

class Server final : private net::ListenerHandler, private net::ProxyHeaderHandler, private net::TurnEndHook {
public:
    // All four outlive the server. `shared` is the common limit if the process has other servers too.
    Server(net::Reactor& reactor, const service::Site& site, service::Application& application, service::Log& log,
           std::shared_ptr<SharedLimit> shared = nullptr);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Serves over TLS. Called at most once, before listen(). Throws std::runtime_error with one line that says which
    // file is wrong.
    void use_tls(net::TlsOptions options);
    // Loads the certificates again, if there are any; see Certificates::reload().
    void reload_certificates();

    // Accepts connections from these sockets, and from those of earlier calls. Throws std::system_error if the kernel
    // can't watch them.
    void listen(std::vector<net::ListeningSocket> sockets);
    [[nodiscard]] std::vector<base::Address> addresses() const;
    // Who may have sent the requests of `peer`: for TCP, judged by all addresses that the server listens on. No browser
    // connects to a Unix socket, so what comes over one has passed a proxy, whose clients may be anywhere.
    [[nodiscard]] service::Reach reach(const base::Address& peer) const noexcept;

    // Serves HTTP, and what it upgrades to, over `transport`, as for a client that a listener has accepted: the
    // connection counts, and gets a 503 if it exceeds the limit. If the server is stopping or memory runs out, the
    // transport is closed at once. `client` is the peer's address as requests and logs show it.
    void add(std::unique_ptr<net::Transport> transport, base::Address client);

    // Stops accepting. Connections without a request in work are closed at once, streams without an end are cut, other
    // requests are answered, WebSockets are closed with 1001. `on_stopped` is called once, from a later turn, when the
    // last connection is gone. Calling again does nothing.
    void stop(std::function<void()> on_stopped);
    // Drops every connection now.
    void abort();
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }

    [[nodiscard]] net::Reactor& reactor() const noexcept { return reactor_; }
    [[nodiscard]] service::Service& service() noexcept { return service_; }
    [[nodiscard]] const service::Settings& settings() const noexcept { return service_.site().settings; }
    [[nodiscard]] service::Log& log() const noexcept { return log_; }
    [[nodiscard]] const ServerCounts& counts() const noexcept { return counts_; }
    [[nodiscard]] ServerLoad load();
    // The Date field of the current second.
    [[nodiscard]] std::string_view date();

    // --- for connections ---
    [[nodiscard]] const service::TrustedNetworks& trusted_proxies() const noexcept { return trusted_proxies_; }
    // Counts one more connection of a client. Returns nullopt, and logs it, if the client has as many as it may.
    // Trusted proxies are not counted: they carry the connections of others.
    [[nodiscard]] std::optional<ClientSlot> count_client(const base::Address& client);
    [[nodiscard]] const std::shared_ptr<SharedLimit>& limit() const noexcept { return limit_; }
    [[nodiscard]] net::FileThreads& file_threads() noexcept { return file_threads_; }
    void retire(Connection& connection, bool is_refused);
    // Takes `protocol` and destroys it at the end of the turn. If it throws std::bad_alloc, it has not taken it.
    void keep_for_turn(std::unique_ptr<Protocol>& protocol);
    // Marks a connection as idle. If connections become scarce, the one that has been idle longest is closed in favour
    // of a new one.
    void add_idle(IdleLink& link) noexcept { idle_.push_back(link); }
    void count_close(std::uint16_t code) noexcept;
    void log_peer_fault(const base::Address& client, std::uint16_t code, std::string_view reason);
    void log_transport_failure(const base::Address& client, std::string_view why);
    void log_limited(service::LogLevel level, std::string_view line) { limited_log_.write(level, line); }

private:
    void on_accept(base::Descriptor socket, const net::SocketAddress& peer) override;
    [[nodiscard]] bool make_room() override;
    void on_accept_refused(int error) override;
    // Waits for the header that a trusted proxy sends first; the socket has a slot.
    void read_proxy_header(base::Descriptor socket, base::Address proxy);
    void on_proxy_header(net::ProxyHeaderReader& reader, const net::ProxyHeader& header) override;
    void on_no_proxy_header(net::ProxyHeaderReader& reader, std::string_view what_came) override;
    // The reader has its result; it is destroyed at the end of the turn.
    void finish_proxy_header(const net::ProxyHeaderReader& reader);
    void drop_proxy_headers();
    // Puts TLS on a socket's transport, if the server uses it.
    [[nodiscard]] std::unique_ptr<net::Transport> secure(std::unique_ptr<net::Transport> transport) const;
    // What a client gets that is refused without a handshake.
    [[nodiscard]] std::string_view last_words() const noexcept;
    // Reserves a slot for one more connection. Returns false if the limit is reached; the caller then refuses the
    // connection.
    [[nodiscard]] bool take_slot();
    // The same, and counts it for its client; `slot` is then not empty.
    [[nodiscard]] bool take_slot(const Peer& peer, ClientSlot& slot);
    // Undoes take_slot() for a connection that could not be opened, and logs `error`.
    void release_slot(bool has_slot, const std::exception& error);
    [[nodiscard]] Peer make_peer(base::Address address) const;
    void open(base::Descriptor socket, Peer peer, bool has_slot, ClientSlot client);
    void open(std::unique_ptr<net::Transport> transport, Peer peer, bool has_slot, ClientSlot client);
    void on_turn_end() override;

    net::Reactor& reactor_;
    service::Log& log_;
    LimitedLog limited_log_;
    SystemClock clock_;
    service::Service service_;
    service::TrustedNetworks trusted_proxies_;
    std::shared_ptr<SharedLimit> limit_;
    net::FileThreads file_threads_;
    std::uint64_t refusing_ = 0;                  // connections beyond the limit that are being answered with 503
    std::unique_ptr<Certificates> certificates_;  // null: plain HTTP
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    base::IntrusiveList<Connection, ConnectionLink> connections_;
    base::IntrusiveList<Connection, ConnectionLink> retired_;
    using ProxyHeaderReaders = std::map<const net::ProxyHeaderReader*, std::unique_ptr<net::ProxyHeaderReader>>;
    ProxyHeaderReaders proxy_headers_;              // sockets whose header has not come yet
    ProxyHeaderReaders done_proxy_headers_;         // until the turn ends
    base::IntrusiveList<IdleLink, IdleLink> idle_;  // idle longest first
    ServerCounts counts_;
    std::function<void()> on_stopped_;
    service::Reach reach_ = service::Reach::loopback;
    bool stopping_ = false;
    std::string date_;
    std::int64_t date_second_ = -1;
    std::vector<std::unique_ptr<Protocol>> replaced_;  // until the turn ends
};

}  // namespace proapi::server
