// Listening sockets: reports connections as completed accepts. Running out of descriptors costs only the new client its
// connection (it receives `refusal` and an end), and never causes a busy loop. Accepted sockets have keep-alive probes
// on (RFC 9293 section 3.8.4), so that a vanished peer is detected even if nothing is sent.
#pragma once

#include <string>

#include "net/reactor.hpp"
#include "net/socket_address.hpp"

namespace proapi::net {

class ListenerHandler {
public:
    virtual void on_accept(base::Descriptor socket, const SocketAddress& peer) = 0;
    // No descriptor is left. Returns true if one has been freed for the new client.
    [[nodiscard]] virtual bool make_room() = 0;
    // No descriptor is left: the new client was sent `refusal` and disconnected.
    virtual void on_accept_refused(int error) = 0;

protected:
    ~ListenerHandler() = default;
};

// Ends a connection with these last words, as far as they fit into its send buffer at once.
void refuse(base::Descriptor socket, std::string_view last_words) noexcept;

class Listener final : private Reactor::Watcher {
public:
    // Starts listening. Throws std::system_error: EADDRINUSE, EACCES and so on. With PortSharing::shared, several
    // listeners of this user share the port and the kernel distributes connections among them (SO_REUSEPORT).
    enum class PortSharing : std::uint8_t { exclusive, shared };
    Listener(Reactor& reactor, const SocketAddress& address, PortSharing sharing, int backlog, ListenerHandler& handler,
             std::string refusal);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Contains the port that the kernel chose, if 0 was requested.
    [[nodiscard]] base::Address address() const;

private:
    void on_ready(std::uint32_t events) override;
    void refuse_one(int error);
    // Leaves new clients in the kernel's queue for a while.
    void pause();
    void resume() noexcept;

    static constexpr int accepts_a_turn = 64;

    Reactor& reactor_;
    base::Descriptor socket_;
    base::Descriptor reserve_;  // closed for the moment it takes to send a refusal
    ListenerHandler& handler_;
    std::string refusal_;
    base::Timer pause_;
};

}  // namespace proapi::net
