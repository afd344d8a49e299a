// Listening sockets: connections come as completed accepts. Running out of descriptors costs the newcomer its
// connection (it gets `refusal` and an end) and nobody else anything; it never makes a busy loop. Sockets are accepted
// with keep-alive probes on (RFC 9293 section 3.8.4): a peer that has vanished is found out though nothing is sent.
#pragma once

#include <string>

#include "net/reactor.hpp"
#include "net/socket_address.hpp"

namespace proapi::net {

class ListenerHandler {
public:
    virtual void on_accept(base::Descriptor socket, const SocketAddress& peer) = 0;
    // No descriptor is left. True: one has been given up, and the newcomer can have it.
    [[nodiscard]] virtual bool make_room() = 0;
    // No descriptor is left: the newcomer was sent `refusal` and dropped.
    virtual void on_accept_refused(int error) = 0;

protected:
    ~ListenerHandler() = default;
};

// Ends a connection with these last words, as far as they fit into its buffer at once.
void refuse(base::Descriptor socket, std::string_view last_words) noexcept;

class Listener final : private Reactor::Watcher {
public:
    // Starts to listen. Throws std::system_error: EADDRINUSE, EACCES and so on. With `share_port`, several listeners
    // of this user share the port and the kernel spreads connections over them (SO_REUSEPORT).
    enum class PortSharing : std::uint8_t { exclusive, shared };
    Listener(Reactor& reactor, const SocketAddress& address, PortSharing sharing, int backlog, ListenerHandler& handler,
             std::string refusal);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // With the port that the kernel chose, where 0 was asked for.
    [[nodiscard]] base::Address address() const;

private:
    void on_ready(std::uint32_t events) override;
    void refuse_one(int error);
    // Leaves newcomers in the kernel's queue for a while.
    void pause();
    void resume() noexcept;

    static constexpr int accepts_a_turn = 64;

    Reactor& reactor_;
    base::Descriptor socket_;
    base::Descriptor reserve_;  // given up for the moment it takes to send a refusal
    ListenerHandler& handler_;
    std::string refusal_;
    base::Timer pause_;
};

}  // namespace proapi::net
