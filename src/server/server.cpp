#include "server/server.hpp"

#include <algorithm>
#include <ctime>

#include "base/heap.hpp"
#include "http/response.hpp"
#include "net/tcp_transport.hpp"
#include "net/tls_transport.hpp"
#include "server/http_session.hpp"
#include "server/refusal_session.hpp"
#include "service/host_rule.hpp"

namespace proapi::server {

namespace {

// How many connections beyond the limit are answered gracefully at a time; any more get only what one write sends.
constexpr std::uint64_t max_refusing = 16;

// A port of 0 is not known: a proxy named the client's address alone.
[[nodiscard]] std::string describe_client(const base::Address& client) {
    if (client.host.empty()) return "a client without an address";
    return client.port == 0 ? client.host : base::to_string(client);
}

constexpr std::string_view too_many =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

constexpr std::string_view plain_request_refused =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 63\r\n"
    "Connection: close\r\n\r\nthis port speaks TLS: its clients must say https:// and wss://\n";

}  // namespace

Server::Server(net::Reactor& reactor, const service::Site& site, service::Application& application, service::Log& log,
               std::shared_ptr<SharedLimit> shared)
    : reactor_(reactor),
      log_(log),
      limited_log_(reactor, log),
      service_(site, application, limited_log_, clock_),
      trusted_proxies_(site.settings.trusted_proxies),
      limit_(shared ? std::move(shared) : std::make_shared<SharedLimit>(site.settings)),
      file_threads_(reactor) {
    base::keep_freed_memory();
}

Server::~Server() {
    abort();
    replaced_.clear();
    while (Connection* connection = retired_.pop_front()) delete connection;
    cancel_turn_end();
}

void Server::use_tls(net::TlsOptions options) {
    certificates_ = std::make_unique<Certificates>(reactor_, log_, std::move(options));
}

void Server::reload_certificates() {
    if (certificates_) certificates_->reload();
}

std::unique_ptr<net::Transport> Server::secure(std::unique_ptr<net::Transport> transport) const {
    if (!certificates_) return transport;
    const auto& context = certificates_->context();
    return std::make_unique<net::TlsTransport>(reactor_, std::move(transport), context, context->make_session(),
                                               plain_request_refused);
}

// A client that expects TLS would take plain octets for a broken handshake.
std::string_view Server::last_words() const noexcept {
    return certificates_ ? std::string_view() : too_many;
}

void Server::listen(std::vector<net::ListeningSocket> sockets) {
    net::ListenerHandler& handler = *this;
    for (net::ListeningSocket& socket : sockets) {
        listeners_.push_back(
            std::make_unique<net::Listener>(reactor_, std::move(socket), handler, std::string(last_words())));
        const base::Address& address = listeners_.back()->address();
        if (!base::is_unix(address) && service::find_reach(address.host) == service::Reach::network)
            reach_ = service::Reach::network;
    }
}

service::Reach Server::reach(const base::Address& peer) const noexcept {
    return base::is_unix(peer) ? service::Reach::network : reach_;
}

std::vector<base::Address> Server::addresses() const {
    std::vector<base::Address> all;
    all.reserve(listeners_.size());
    for (const auto& listener : listeners_) all.push_back(listener->address());
    return all;
}

bool Server::take_slot() {
    if (limit_->take_connection() || (make_room() && limit_->take_connection())) return true;
    ++counts_.refused;
    log_limited(service::LogLevel::warning, "connection refused with 503: " + limit_->describe());
    return false;
}

std::optional<ClientSlot> Server::count_client(const base::Address& client) {
    if (settings().max_connections_per_client == 0 || base::is_unix(client) || trusted_proxies_.contains(client.host))
        return ClientSlot();
    auto slot = limit_->clients().take(client.host);
    if (!slot)
        log_limited(service::LogLevel::warning,
                    client.host +
                        " refused with 503: its network has as many connections as max_connections_per_client "
                        "allows (" +
                        std::to_string(settings().max_connections_per_client) + ")");
    return slot;
}

// The client's limit comes first: one beyond it must not make another client's idle connection give way.
bool Server::take_slot(const Peer& peer, ClientSlot& slot) {
    auto counted = count_client(peer.address);
    if (!counted) {
        ++counts_.refused;
        return false;
    }
    slot = std::move(*counted);
    return take_slot();
}

void Server::on_accept(base::Descriptor socket, const net::SocketAddress& peer) {
    bool has_slot = false;
    try {
        Peer from = make_peer(peer.address());
        ClientSlot client;
        has_slot = take_slot(from, client);
        if (!has_slot && refusing_ >= max_refusing) return net::refuse(std::move(socket), last_words());
        // One beyond the limit is refused at once, whatever it would have sent.
        if (has_slot && from.is_trusted_proxy && settings().proxy_protocol)
            return read_proxy_header(std::move(socket), std::move(from.address));
        open(std::move(socket), std::move(from), has_slot, std::move(client));
    } catch (const std::exception& error) {  // out of memory, or the kernel can't watch more sockets
        release_slot(has_slot, error);
    }
}

void Server::add(std::unique_ptr<net::Transport> transport, base::Address client) {
    if (stopping_) return;
    bool has_slot = false;
    try {
        Peer from = make_peer(std::move(client));
        ClientSlot counted;
        has_slot = take_slot(from, counted);
        if (!has_slot && refusing_ >= max_refusing) {
            const base::Bytes last_words = base::as_bytes(too_many);
            static_cast<void>(transport->write_at_once({&last_words, 1}));
            return;
        }
        open(std::move(transport), std::move(from), has_slot, std::move(counted));
    } catch (const std::exception& error) {
        release_slot(has_slot, error);
    }
}

void Server::release_slot(bool has_slot, const std::exception& error) {
    if (has_slot) limit_->give_connection_back();
    ++counts_.refused;
    log_limited(service::LogLevel::error, std::string("a new connection was dropped: ") + error.what());
}

Peer Server::make_peer(base::Address address) const {
    const bool is_trusted = base::is_unix(address)
                                ? trusted_proxies_.trusts_unix()
                                : !trusted_proxies_.empty() && trusted_proxies_.contains(address.host);
    const service::Reach from = reach(address);
    return {std::move(address), is_trusted, from};
}

void Server::open(base::Descriptor socket, Peer peer, bool has_slot, ClientSlot client) {
    open(secure(std::make_unique<net::TcpTransport>(reactor_, std::move(socket))), std::move(peer), has_slot,
         std::move(client));
}

void Server::open(std::unique_ptr<net::Transport> transport, Peer peer, bool has_slot, ClientSlot client) {
    auto connection = std::make_unique<Connection>(*this, std::move(transport), !has_slot);
    connection->count_for(std::move(client));
    std::unique_ptr<Protocol> protocol;
    if (has_slot) {
        protocol = std::make_unique<HttpSession>(*connection, std::move(peer));
        ++counts_.accepted;
        ++counts_.open;
    } else {
        protocol = std::make_unique<RefusalSession>(*connection, too_many);
        ++refusing_;
    }
    Connection& added = *connection.release();
    connections_.push_back(added);
    added.start(std::move(protocol), {});
}

// ---- the PROXY protocol -----------------------------------------------------------------------------------------

void Server::read_proxy_header(base::Descriptor socket, base::Address proxy) {
    net::ProxyHeaderHandler& handler = *this;
    auto reader = std::make_unique<net::ProxyHeaderReader>(reactor_, std::move(socket), std::move(proxy),
                                                           settings().head_timeout, handler);
    const net::ProxyHeaderReader* const key = reader.get();
    proxy_headers_.emplace(key, std::move(reader));
}

void Server::finish_proxy_header(const net::ProxyHeaderReader& reader) {
    done_proxy_headers_.insert(proxy_headers_.extract(&reader));  // allocates nothing
    reactor_.at_turn_end(*this);
}

void Server::on_proxy_header(net::ProxyHeaderReader& reader, const net::ProxyHeader& header) {
    finish_proxy_header(reader);
    try {
        // A client that the proxy does not name is shown as the proxy, but what it says of itself is not believed.
        Peer peer = header.source ? make_peer(*header.source) : Peer{reader.peer(), header.is_local};
        peer.reach = reach(reader.peer());
        auto client = count_client(peer.address);
        if (!client) {
            limit_->give_connection_back();
            ++counts_.refused;
            return net::refuse(reader.take_socket(), last_words());
        }
        open(reader.take_socket(), std::move(peer), true, std::move(*client));
    } catch (const std::exception& error) {
        release_slot(true, error);
    }
}

void Server::on_no_proxy_header(net::ProxyHeaderReader& reader, std::string_view what_came) {
    finish_proxy_header(reader);
    limit_->give_connection_back();
    if (!what_came.empty())
        log_limited(service::LogLevel::warning, "connection of " + describe_client(reader.peer()) +
                                                    " closed: expected a PROXY header, got " + std::string(what_came) +
                                                    " (proxy_protocol is on, and the address is in trusted_proxies)");
}

void Server::drop_proxy_headers() {
    for (std::size_t slots = proxy_headers_.size(); slots > 0; --slots) limit_->give_connection_back();
    proxy_headers_.clear();
}

// Closes the connection that has been idle longest. Nothing is lost: its client opens another one when it needs it.
bool Server::make_room() {
    while (IdleLink* longest_idle = idle_.pop_front()) {
        Connection& connection = longest_idle->connection;
        if (!connection.is_serving() || connection.has_unread_octets()) continue;  // its next request has arrived
        connection.abort(net::Transport::CloseMode::orderly);
        return true;
    }
    return false;
}

void Server::on_accept_refused(int error) {
    ++counts_.refused;
    log_limited(service::LogLevel::error, "connection refused with 503: " + base::error_text(error) +
                                              "; raise the descriptor limit or lower max_connections");
}

void Server::retire(Connection& connection, bool is_refused) {
    retired_.push_back(connection);  // also removes it from connections_
    if (is_refused) {
        --refusing_;
    } else {
        --counts_.open;
        limit_->give_connection_back();
    }
    reactor_.at_turn_end(*this);
}

void Server::keep_for_turn(std::unique_ptr<Protocol>& protocol) {
    replaced_.emplace_back();
    replaced_.back() = std::move(protocol);
    reactor_.at_turn_end(*this);
}

void Server::on_turn_end() {
    static_cast<void>(std::exchange(replaced_, {}));
    while (Connection* connection = retired_.pop_front()) delete connection;
    done_proxy_headers_.clear();
    if (!stopping_ || !connections_.empty() || !on_stopped_) return;
    limited_log_.end_second();
    std::exchange(on_stopped_, nullptr)();
}

void Server::stop(std::function<void()> on_stopped) {
    if (std::exchange(stopping_, true)) return;
    on_stopped_ = std::move(on_stopped);
    service_.stop();
    listeners_.clear();
    drop_proxy_headers();
    connections_.for_each([](Connection& connection) { connection.shut_down(); });
    reactor_.at_turn_end(*this);
}

void Server::abort() {
    listeners_.clear();
    drop_proxy_headers();
    while (Connection* connection = connections_.front()) connection->abort();
}

ServerLoad Server::load() {
    ServerLoad load;
    connections_.for_each([&](const Connection& connection) {
        Protocol& protocol = *connection.protocol();
        ++(protocol.is_websocket() ? load.websockets : load.http);
        load.send_queued_bytes += protocol.output().size_bytes();
        load.partial_bytes += protocol.input_bytes();
    });
    return load;
}

std::string_view Server::date() {
    const std::int64_t second = std::time(nullptr);
    if (second != date_second_) {
        date_second_ = second;
        date_ = http::format_date(second);
    }
    return date_;
}

void Server::count_close(std::uint16_t code) noexcept {
    try {
        ++counts_.closed[code];
    } catch (const std::bad_alloc&) {  // ignored: the connection ends, counted or not
    }
}

void Server::log_peer_fault(const base::Address& client, std::uint16_t code, std::string_view reason) {
    log_limited(service::LogLevel::info, describe_client(client) + " closed with " + std::to_string(code) + ": " +
                                             service::escape_for_log(reason));
}

void Server::log_transport_failure(const base::Address& client, std::string_view why) {
    log_limited(service::LogLevel::info, describe_client(client) + ": " + service::escape_for_log(why));
}

}  // namespace proapi::server
