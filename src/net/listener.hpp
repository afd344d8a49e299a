// Accepts from one listening socket, and reports connections as completed accepts. Running out of descriptors costs
// only the new client its connection (it receives `refusal` and an end), and never causes a busy loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/descriptor.hpp"
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

// A non-blocking socket that listens (listening_sockets.hpp opens them).
struct ListeningSocket {
    base::Descriptor socket;
    base::Address address;
    // Whether other threads or processes accept from the same socket.
    enum class Queue : std::uint8_t { own, shared } queue = Queue::own;
};

class Listener final : private Reactor::Watcher {
public:
    // Starts accepting. Throws std::system_error if the kernel can't watch the socket.
    Listener(Reactor& reactor, ListeningSocket socket, ListenerHandler& handler, std::string refusal);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] const base::Address& address() const noexcept { return address_; }

private:
    void on_ready(std::uint32_t events) override;
    void watch();
    void accept_up_to(int most);
    void wait_behind_others() noexcept;
    void refuse_one(int error);
    // Leaves new clients in the kernel's queue for a while.
    void pause();
    void resume() noexcept;

    Reactor& reactor_;
    base::Descriptor socket_;
    base::Address address_;
    ListeningSocket::Queue queue_;
    base::Descriptor reserve_;  // closed for the moment it takes to send a refusal
    ListenerHandler& handler_;
    std::string refusal_;
    base::Timer pause_;
};

}  // namespace proapi::net
