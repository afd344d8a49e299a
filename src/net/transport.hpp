// One connection that octets travel over, in completed operations: octets that were read, octets that were written,
// the end. A transport belongs to its reactor's thread. It does not know what the octets mean.
//
//   TcpTransport     a connected socket
//   MemoryTransport  one of two ends in this process, without a descriptor
//
// A transport may stand on another one. TLS would be such a transport, between `server::Connection` and the socket:
//
//   class TlsTransport final : public Transport, private TransportHandler { std::unique_ptr<Transport> lower_; ... };
//
// - It starts `lower_` with itself as the handler: `lower_` reports ciphertext, and `handler()` is told plain octets.
//   A handler that is told something may close the transport: check is_open() after each call.
// - The same words hold on both sides, each for its own octets. write() returns how many plain octets were taken, even
//   if their ciphertext still waits for `lower_`; has_unread_octets() includes plain octets that are decrypted and not
//   handed over; undelivered_octets() includes ciphertext that `lower_` has not taken.
// - shutdown_write() sends close_notify, then ends the side of `lower_`. A FIN without a close_notify before is an end
//   with an error (RFC 8446 section 6.1), so that a cut message is not taken for a whole one.
// - is_secure() returns true. Until the handshake is over nothing is handed over, and writes are pending.
// - A listener's owner wraps what it has accepted: Server::add(std::make_unique<TlsTransport>(std::move(tcp), ...)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "net/reactor.hpp"

namespace proapi::net {

struct WriteResult {
    std::size_t written = 0;  // octets, at once
    // together: carried out with the writes of others before the turn is over, and reported by on_write_done();
    // pending: the peer has to make room first; on_written() reports the end.
    enum class State : std::uint8_t { done, together, pending } state = State::done;
    int error = 0;
};

// Who a transport reports to. Everything is reported from a turn of the reactor, never from within a call of the
// transport.
class TransportHandler {
public:
    // A read has completed. The octets are the transport's and may be changed in place until this returns.
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer has ended its side (FIN), or the connection is lost. Reported once, as soon as the transport knows,
    // even if octets are still unread: on_read_end() comes after those have been read.
    virtual void on_peer_finished() = 0;
    // Nothing more will be read: the peer's end of stream (error 0), or the connection is lost (an error number).
    virtual void on_read_end(int error) = 0;
    // A write in state `together` has come to this, within the turn's last part.
    virtual void on_write_done(const WriteResult& result) = 0;
    // A write in state `pending` has completed with that many octets (> 0).
    virtual void on_written(std::size_t count) = 0;
    // The connection is lost, as a pending write or, after the end of reading, the transport itself has found out.
    virtual void on_lost(int error) = 0;

protected:
    ~TransportHandler() = default;
};

// What is asked at each message is kept here, so that asking costs no virtual call.
class Transport {
public:
    virtual ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    // Reports to `handler`, which outlives the transport, from now on. Called once, before anything else but
    // write_at_once() and close(). Reading is stopped. Throws std::system_error if the kernel refuses the socket.
    virtual void start(TransportHandler& handler) = 0;

    // --- reading ---
    // Reads complete, one after the other, until stop_reading(). One that had completed before stop_reading() may
    // still be reported after it.
    virtual void start_reading() = 0;
    virtual void stop_reading() noexcept = 0;
    // Whether the next reads should take as much as they can, because that is likely to be there.
    void expect_much(bool is_expected) noexcept { expects_much_ = is_expected; }
    // Whether on_peer_finished() was called, and on_read_end().
    [[nodiscard]] bool has_peer_finished() const noexcept { return incoming_ != Incoming::open; }
    [[nodiscard]] bool has_read_ended() const noexcept { return incoming_ == Incoming::ended; }
    // Whether octets have come that were not read yet.
    [[nodiscard]] virtual bool has_unread_octets() const noexcept = 0;

    // --- writing ---
    // The most pieces that one write takes.
    static constexpr std::size_t max_pieces = 64;
    // Starts one write of all `pieces`, at least one. Until it is done their octets must stay as they are, and nothing
    // else may be written. It may be done at once, in full or in part.
    [[nodiscard]] virtual WriteResult write(std::span<const base::Bytes> pieces) = 0;
    // Writes what is taken of `pieces` at once, unless another write is under way. Returns the number of octets; the
    // next write() reports what is wrong, if anything is.
    [[nodiscard]] virtual std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept = 0;
    [[nodiscard]] bool is_writing() const noexcept { return write_ != WriteResult::State::done; }
    // Tells the peer that nothing more comes (FIN). Reading goes on.
    virtual void shutdown_write() noexcept = 0;

    // --- what the peer has taken ---
    // Octets that were written and that the peer's side has not acknowledged yet.
    [[nodiscard]] virtual std::size_t undelivered_octets() const noexcept = 0;
    // The low bits of how many octets have been acknowledged: a change means progress.
    [[nodiscard]] virtual std::uint32_t delivered_octets() const noexcept = 0;
    // A peer that acknowledges nothing for that long is lost.
    virtual void set_delivery_timeout(Duration timeout) noexcept = 0;

    // --- the end ---
    // Drops the connection: with `reset`, by RST, so that nothing of it is kept. Nothing is reported from now on.
    enum class CloseMode : std::uint8_t { orderly, reset };
    virtual void close(CloseMode mode) noexcept = 0;
    [[nodiscard]] virtual bool is_open() const noexcept = 0;

    // Whether nobody between the two ends can read or change what is sent (TLS).
    [[nodiscard]] virtual bool is_secure() const noexcept { return false; }

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
