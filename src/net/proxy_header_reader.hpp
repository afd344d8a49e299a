// Reads the PROXY header of one accepted socket before anything else is done with the socket, and takes from it the
// octets of the header and no others. What reads the socket next (TLS, HTTP) finds it as if its client had connected
// directly, so that a header costs nothing once it has been read.
#pragma once

#include "net/proxy_header.hpp"
#include "net/reactor.hpp"

namespace proapi::net {

class ProxyHeaderReader;

// Receives the result of a reader: one call, from a turn of the reactor. It may take the reader's socket, but must not
// destroy the reader before the turn ends.
class ProxyHeaderHandler {
public:
    virtual void on_proxy_header(ProxyHeaderReader& reader, const ProxyHeader& header) = 0;
    // There is no header, and the socket is closed. `what_came` follows "expected a PROXY header, got "; empty: the
    // peer has sent nothing at all, as health checks do that only connect.
    virtual void on_no_proxy_header(ProxyHeaderReader& reader, std::string_view what_came) = 0;

protected:
    ~ProxyHeaderHandler() = default;
};

class ProxyHeaderReader final : private Reactor::Watcher {
public:
    // Takes ownership of a connected socket. Waits at most `timeout` for the whole header. `peer` is kept for the
    // handler. Throws std::system_error if the kernel refuses to watch the socket.
    ProxyHeaderReader(Reactor& reactor, base::Descriptor socket, base::Address peer, Duration timeout,
                      ProxyHeaderHandler& handler);
    ~ProxyHeaderReader();

    [[nodiscard]] const base::Address& peer() const noexcept { return peer_; }
    // The socket, which is no longer watched. Its next octets follow the header.
    [[nodiscard]] base::Descriptor take_socket() noexcept;

private:
    void on_ready(std::uint32_t events) override;
    void on_time();
    // Whether octets may still follow those that have arrived.
    enum class Stream : std::uint8_t { open, ended };
    void read(Stream stream);
    void report_failure(std::string_view what_came);

    Reactor& reactor_;
    base::Descriptor socket_;
    base::Address peer_;
    ProxyHeaderHandler& handler_;
    base::Timer timer_;
};

}  // namespace proapi::net
