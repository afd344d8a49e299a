// Two transports in this process that are each other's peer: what one writes the other reads, without a descriptor. For
// tests and test clients. They behave as the two ends of a TCP connection do, and can be made to behave badly: small
// buffers, short reads and writes, failures, a peer that stops taking octets.
//
//   write() -> [send buffer] -> delivered -> [the peer's receive buffer] -> on_read()
//
// Both ends belong to one reactor. Everything is reported from its turns, as with sockets; a write of one end never
// calls the other. A peer that takes nothing is not lost by itself: set_delivery_timeout() has no effect.
#pragma once

#include <limits>
#include <memory>
#include <utility>

#include "base/output_queue.hpp"
#include "net/transport.hpp"

namespace proapi::net {

// How one end behaves. The defaults are those of a healthy socket.
struct MemoryBehaviour {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    // What is written and not delivered yet. A write that finds no room is pending; one that finds little is partial.
    std::size_t send_buffer_bytes = 256 * 1024;
    // What is delivered and not read yet. 0: nothing is delivered, and the peer's octets stay undelivered.
    std::size_t receive_buffer_bytes = 256 * 1024;
    // The most that one read gives, and that one write takes; at least 1.
    std::size_t max_read_bytes = 64 * 1024;
    std::size_t max_write_bytes = unlimited;
    // together: a write of one piece waits for the next end-of-turn hooks, and on_write_done() reports it.
    enum class Writes : std::uint8_t { at_once, together } writes = Writes::at_once;
    // What is_secure() returns.
    bool is_secure = false;
};

// A failure to come: the operation after so many reads and writes of the ends that it is given to finds the connection
// lost with `error`. That is reported as the kernel would, every later operation fails too, and the peer finds a reset.
struct MemoryFailure {
    std::size_t after_operations = 0;
    int error = 0;
    bool has_come = false;
};

class MemoryTransport final : public Transport, private Reactor::Reader, private TurnEndHook {
public:
    // The two ends. The reactor outlives both; they may end in any order.
    using Pair = std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>>;
    [[nodiscard]] static Pair make_pair(Reactor& reactor);
    ~MemoryTransport() override;

    // How this end behaves from now on.
    [[nodiscard]] const MemoryBehaviour& behaviour() const noexcept { return behaviour_; }
    void set_behaviour(const MemoryBehaviour& behaviour) noexcept;
    // The operations of this end count for `failure`, which outlives it. Null: none fails.
    void set_failure(MemoryFailure* failure) noexcept { failure_ = failure; }

    void start(TransportHandler& handler) override;
    void start_reading() override;
    void stop_reading() noexcept override;
    [[nodiscard]] bool has_unread_octets() const noexcept override { return arrived_octets() > 0; }
    [[nodiscard]] WriteResult write(std::span<const base::Bytes> pieces) override;
    [[nodiscard]] std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept override;
    void shutdown_write() noexcept override;
    [[nodiscard]] std::size_t undelivered_octets() const noexcept override;
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept override {
        return static_cast<std::uint32_t>(written_octets_ - undelivered_octets());
    }
    void set_delivery_timeout(Duration) noexcept override {}
    // As TCP does, an orderly close of an end with unread octets resets the connection.
    void close(CloseMode mode) noexcept override;
    [[nodiscard]] bool is_open() const noexcept override { return is_open_; }
    [[nodiscard]] bool is_secure() const noexcept override { return behaviour_.is_secure; }

private:
    explicit MemoryTransport(Reactor& reactor) noexcept : reactor_(reactor) {}
    void read_again() override;
    void on_turn_end() override;
    // Reports what has happened since the last look. It is called from turns only, once a turn.
    void look();
    void look_soon() noexcept;
    void read_once();
    [[nodiscard]] WriteResult write_now(std::span<const base::Bytes> pieces) noexcept;
    [[nodiscard]] WriteResult put(std::span<const base::Bytes> pieces) noexcept;
    [[nodiscard]] bool is_failing() noexcept;
    // What happens to a connection.
    void lose(int error) noexcept;
    void reset_peer() noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    [[nodiscard]] std::size_t arrived_octets() const noexcept;
    [[nodiscard]] bool has_fin_arrived() const noexcept;

    Reactor& reactor_;
    MemoryTransport* peer_ = nullptr;  // null: closed, or the connection is lost
    MemoryBehaviour behaviour_;
    base::OutputQueue incoming_;            // what the peer has written and this end has not read
    std::size_t undeliverable_octets_ = 0;  // the end of what is incoming: it was not delivered before a reset
    base::Bytes pending_;                   // what a write that is not done begins with
    std::uint64_t written_octets_ = 0;
    MemoryFailure* failure_ = nullptr;
    int lost_ = 0;  // the error that the connection was lost with
    bool is_open_ = true;
    bool looks_soon_ = false, has_reported_loss_ = false;
    bool has_shut_down_ = false, has_peer_shut_down_ = false;  // the peer's FIN follows what is incoming
};

}  // namespace proapi::net
