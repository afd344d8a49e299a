// A connected TCP socket as a transport, or a Unix socket. Over a Unix socket octets are delivered when the peer's
// program has read them, CloseMode::reset is an ordinary close, and TCP's options are ignored.
#pragma once

#include "net/transport.hpp"

namespace proapi::net {

// `Transport` is the last base, so that the descriptor fits into the padding after its members: every octet counts in
// an idle connection.
class TcpTransport final : private Reactor::Watcher, private Reactor::Reader, private IoHandler, public Transport {
public:
    // Takes ownership of a connected socket.
    TcpTransport(Reactor& reactor, base::Descriptor socket) noexcept;
    ~TcpTransport() override;

    void start(TransportHandler& handler) override;
    void start_reading() override;
    void stop_reading() noexcept override;
    [[nodiscard]] bool has_unread_octets() const noexcept override;
    [[nodiscard]] WriteResult write(std::span<const base::Bytes> pieces) override;
    [[nodiscard]] std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept override;
    void shutdown_write() noexcept override;
    // Octets that the peer's kernel has not acknowledged (SIOCOUTQ), and those that it has (TCP_INFO). Of a Unix socket
    // the first is not 0 until the peer has read everything, and includes the kernel's own memory for it.
    [[nodiscard]] std::size_t undelivered_octets() const noexcept override;
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept override;
    // Sets TCP_USER_TIMEOUT.
    void set_delivery_timeout(Duration timeout) noexcept override;
    void close(CloseMode mode) noexcept override;
    [[nodiscard]] bool is_open() const noexcept override { return static_cast<bool>(socket_); }

private:
    void on_ready(std::uint32_t events) override;
    void read_again() override;
    void on_io_done(const IoRequest& request) override;
    void receive() noexcept;
    void on_received(const IoRequest& request);
    [[nodiscard]] int take_socket_error() noexcept;
    [[nodiscard]] WriteResult written(ssize_t result) noexcept;

    base::Descriptor socket_;
    Reactor& reactor_;
    base::Bytes pending_;  // the beginning of an unfinished write
};

}  // namespace proapi::net
