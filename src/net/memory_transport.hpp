// Two transports in this process that are each other's peer: one reads what the other writes, without a descriptor. For
// tests and test clients. They behave like the two ends of a TCP connection, and can be made to behave badly: small
// buffers, short reads and writes, failures, a peer that stops taking octets.
//
//   write() -> [send buffer] -> delivered -> [the peer's receive buffer] -> on_read()
//
// Both ends belong to one reactor. Everything is reported from its turns, as with sockets; a write of one end never
// calls the other. A peer that takes no octets is never considered lost: set_delivery_timeout() has no effect.
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

    // Octets written and not yet delivered. A write without room is pending; one with too little room is partial.
    std::size_t send_buffer_bytes = 256 * 1024;
    // Octets delivered and not yet read. 0: nothing is delivered, and the peer's octets stay undelivered.
    std::size_t receive_buffer_bytes = 256 * 1024;
    // The most octets that one read returns, and that one write takes; at least 1.
    std::size_t max_read_bytes = 64 * 1024;
    std::size_t max_write_bytes = unlimited;
    // together: a write of one piece waits for the next end-of-turn hooks, and on_write_done() reports it.
    enum class Writes : std::uint8_t { at_once, together } writes = Writes::at_once;
    // What is_secure() returns.
    bool is_secure = false;
};

// A planned failure. After `after_operations` reads and writes of the ends that it is given to, the next one finds the
// connection lost with `error`. The loss is reported as the kernel would report it, every later operation fails too,
// and the peer sees a reset.
struct MemoryFailure {
    std::size_t after_operations = 0;
    int error = 0;
    bool has_come = false;
};

class MemoryTransport final : public Transport, private Reactor::Reader, private TurnEndHook {
public:
    // The two ends. The reactor must outlive both; they may be destroyed in any order.
    using Pair = std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>>;
    [[nodiscard]] static Pair make_pair(Reactor& reactor);
    ~MemoryTransport() override;

    // How this end behaves from now on.
    [[nodiscard]] const MemoryBehaviour& behaviour() const noexcept { return behaviour_; }
    void set_behaviour(const MemoryBehaviour& behaviour) noexcept;
    // Counts the operations of this end for `failure`, which must outlive it. Null: no operation fails.
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
    // Like TCP, an orderly close of an end with unread octets resets the connection.
    void close(CloseMode mode) noexcept override;
    [[nodiscard]] bool is_open() const noexcept override { return is_open_; }
    [[nodiscard]] bool is_secure() const noexcept override { return behaviour_.is_secure; }

private:
    explicit MemoryTransport(Reactor& reactor) noexcept : reactor_(reactor) {}
    void read_again() override;
    void on_turn_end() override;
    // Reports what has happened since the last report. Called only from turns, once per turn.
    void report();
    void report_soon() noexcept;
    void read_once();
    [[nodiscard]] WriteResult write_now(std::span<const base::Bytes> pieces) noexcept;
    [[nodiscard]] WriteResult put(std::span<const base::Bytes> pieces) noexcept;
    [[nodiscard]] bool is_failing() noexcept;
    // Simulated events of the connection.
    void lose(int error) noexcept;
    void reset_peer() noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    [[nodiscard]] std::size_t arrived_octets() const noexcept;
    [[nodiscard]] bool has_fin_arrived() const noexcept;

    Reactor& reactor_;
    MemoryTransport* peer_ = nullptr;  // null: closed, or the connection is lost
    MemoryBehaviour behaviour_;
    base::OutputQueue incoming_;            // written by the peer, not read by this end
    std::size_t undeliverable_octets_ = 0;  // the end of incoming_ that was not delivered before a reset
    base::Bytes pending_;                   // the beginning of an unfinished write
    std::uint64_t written_octets_ = 0;
    MemoryFailure* failure_ = nullptr;
    int lost_ = 0;  // the error by which the connection was lost
    bool is_open_ = true;
    bool reports_soon_ = false, has_reported_loss_ = false;
    bool has_shut_down_ = false, has_peer_shut_down_ = false;  // the peer's FIN follows incoming_
};

}  // namespace proapi::net
