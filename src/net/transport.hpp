// One connection that octets travel over, in completed operations: octets that were read, octets that were written, the
// end. A transport belongs to its reactor's thread. It does not know what the octets mean.
//
//   TcpTransport     a connected socket
//   MemoryTransport  one of two ends in this process, without a descriptor
//   TlsTransport     TLS over another transport
//
// Where one transport lies on another, the terms mean the same on both sides, each for its own octets: write() reports
// plain octets once the lower one has taken their ciphertext, undelivered_octets() includes what waits between the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "net/reactor.hpp"

namespace proapi::net {

struct WriteResult {
    std::size_t written = 0;  // octets, at once
    // together: carried out with the writes of other transports before the turn is over, and reported by
    // on_write_done(); pending: the peer has to make room first; on_written() reports the end.
    enum class State : std::uint8_t { done, together, pending } state = State::done;
    int error = 0;
};

// Receives the reports of a transport. All come from a turn of the reactor, never from within a call of the transport.
class TransportHandler {
public:
    // A read has completed. The octets belong to the transport and may be changed in place until this returns.
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer has ended its side (FIN), or the connection is lost. Reported once, as soon as the transport knows,
    // even if octets are still unread: on_read_end() comes after those have been read.
    virtual void on_peer_finished() = 0;
    // Reading has ended: the peer ended its stream (error 0), or the connection is lost (an error number).
    virtual void on_read_end(int error) = 0;
    // The result of a write in state `together`, reported in the last part of the turn.
    virtual void on_write_done(const WriteResult& result) = 0;
    // A write in state `pending` has completed with that many octets (> 0).
    virtual void on_written(std::size_t count) = 0;
    // The connection is lost, as found by a pending write or, after the end of reading, by the transport itself.
    virtual void on_lost(int error) = 0;

protected:
    ~TransportHandler() = default;
};

// State that is queried for each message is kept here, so that a query costs no virtual call.
class Transport {
public:
    virtual ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    // Reports to `handler`, which must outlive the transport, from now on. Called once, before anything except
    // write_at_once() and close(). Reading is stopped at first. Throws std::system_error if the kernel refuses the
    // socket.
    virtual void start(TransportHandler& handler) = 0;

    // --- reading ---
    // Reads complete one after another until stop_reading(). A read that completed before stop_reading() may still be
    // reported after it.
    virtual void start_reading() = 0;
    virtual void stop_reading() noexcept = 0;
    // Whether the next reads should take as much as they can, because much is likely to be available.
    void expect_much(bool is_expected) noexcept { expects_much_ = is_expected; }
    [[nodiscard]] bool expects_much() const noexcept { return expects_much_; }
    // Whether on_peer_finished() has been called, and on_read_end().
    [[nodiscard]] bool has_peer_finished() const noexcept { return incoming_ != Incoming::open; }
    [[nodiscard]] bool has_read_ended() const noexcept { return incoming_ == Incoming::ended; }
    // Whether octets have arrived that were not read yet.
    [[nodiscard]] virtual bool has_unread_octets() const noexcept = 0;

    // --- writing ---
    // The most pieces that one write takes.
    static constexpr std::size_t max_pieces = 64;
    // Starts one write of all `pieces`, at least one. Until it is done, their octets must not change, and no other
    // write may start. It may be done at once, in full or in part.
    [[nodiscard]] virtual WriteResult write(std::span<const base::Bytes> pieces) = 0;
    // Writes what is taken of `pieces` at once, unless another write is in progress. Returns the number of octets; the
    // next write() reports an error, if there is one. Octets that were not taken must be the next to be written: a
    // transport may have begun with them.
    [[nodiscard]] virtual std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept = 0;
    [[nodiscard]] bool is_writing() const noexcept { return write_ != WriteResult::State::done; }
    // Tells the peer that nothing more follows (FIN). Reading continues.
    virtual void shutdown_write() noexcept = 0;

    // --- what the peer has taken ---
    // Octets that were written and that the peer's side has not acknowledged yet.
    [[nodiscard]] virtual std::size_t undelivered_octets() const noexcept = 0;
    // The low bits of the number of acknowledged octets. While nothing is written, a change means progress.
    [[nodiscard]] virtual std::uint32_t delivered_octets() const noexcept = 0;
    // A peer that acknowledges nothing for this long is considered lost.
    virtual void set_delivery_timeout(Duration timeout) noexcept = 0;

    // --- the end ---
    // Drops the connection; `reset` sends RST, so that nothing of it is kept. Nothing is reported from now on.
    enum class CloseMode : std::uint8_t { orderly, reset };
    virtual void close(CloseMode mode) noexcept = 0;
    [[nodiscard]] virtual bool is_open() const noexcept = 0;

    // --- who the peer is ---
    // Whether nobody between the two ends can read or change what is sent (TLS).
    [[nodiscard]] virtual bool is_secure() const noexcept { return false; }
    // Whether octets can be sent. Until then (a TLS handshake) nothing is reported, and writes are pending.
    [[nodiscard]] virtual bool is_established() const noexcept { return true; }
    // The certificate that the peer has proved to own, as PEM; null if there is none.
    [[nodiscard]] virtual std::shared_ptr<const std::string> client_certificate() const { return nullptr; }
    // Why the transport has ended the connection with an error, as one line for the log; empty if the peer or the
    // network did. May contain what the peer sent.
    [[nodiscard]] virtual std::string_view failure() const noexcept { return {}; }

protected:
    Transport() = default;

    [[nodiscard]] bool has_started() const noexcept { return handler_ != nullptr; }
    [[nodiscard]] TransportHandler& handler() const noexcept { return *handler_; }
    void set_handler(TransportHandler& handler) noexcept { handler_ = &handler; }
    // Reports once that the peer has finished. The handler may close the transport.
    void report_peer_finished();
    // Stops reading and reports its end once, after the peer's, unless the transport is closed meanwhile.
    void report_read_end(int error);

private:
    TransportHandler* handler_ = nullptr;
    enum class Incoming : std::uint8_t { open, finished, ended } incoming_ = Incoming::open;

protected:
    bool reading_ = false, expects_much_ = false;
    WriteResult::State write_ = WriteResult::State::done;  // of the last write
};

}  // namespace proapi::net
