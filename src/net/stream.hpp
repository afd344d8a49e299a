// One connected TCP socket, in completed operations: octets that were read, octets that were written, the end.
// It belongs to its reactor's thread. It knows nothing of what the octets mean.
#pragma once

#include <cstdint>
#include <span>

#include "net/reactor.hpp"

namespace proapi::net {

struct WriteResult {
    std::size_t written = 0;  // octets, at once
    // together: carried out with those of others before the turn is over, and told by on_write_done();
    // pending: the peer has to make room first; it completes through on_written().
    enum class State : std::uint8_t { done, together, pending } state = State::done;
    int error = 0;
};

class StreamHandler {
public:
    // A read has completed. The octets are the reactor's and may be changed in place until this returns.
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer has ended its side (FIN), or the connection is lost. Told once, as soon as the kernel knows, whatever is
    // still unread: on_read_end() comes after that has been read.
    virtual void on_peer_finished() = 0;
    // Nothing more will be read: the peer's end of stream (error 0), or the connection is lost (an error number).
    virtual void on_read_end(int error) = 0;
    // A write that was together has come to this, within the turn's last part.
    virtual void on_write_done(const WriteResult& result) = 0;
    // A write that was pending has completed with that many octets (> 0).
    virtual void on_written(std::size_t count) = 0;
    // The connection is lost, as a pending write has found or, after the end of reading, the kernel says.
    virtual void on_lost(int error) = 0;

protected:
    ~StreamHandler() = default;
};

class Stream final : private Reactor::Watcher, private Reactor::Reader, private Caller {
public:
    // Takes over a connected socket. Reading is stopped. Throws std::system_error where the kernel refuses it.
    Stream(Reactor& reactor, base::Descriptor socket, StreamHandler& handler);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Reads complete, one after the other, until stop_reading(); one that has completed before may come after it.
    void start_reading();
    void stop_reading() noexcept;
    // Whether the next reads are to take as much as they can: where that is likely to be there.
    void expect_much(bool is_expected) noexcept { expects_much_ = is_expected; }
    // Whether on_peer_finished() was called, and on_read_end().
    [[nodiscard]] bool has_peer_finished() const noexcept { return peer_finished_; }
    [[nodiscard]] bool has_read_ended() const noexcept { return read_ended_; }
    // Whether the kernel holds octets that were not read yet.
    [[nodiscard]] bool has_unread_octets() const noexcept;
    // Octets that were written and that the peer's kernel has not acknowledged yet.
    [[nodiscard]] std::size_t undelivered_octets() const noexcept;
    // The low bits of how many have been acknowledged, to tell whether any were since.
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept;
    // A peer that acknowledges nothing for that long is lost (TCP_USER_TIMEOUT).
    void set_delivery_timeout(Duration timeout) noexcept;

    // The most pieces that one write takes.
    static constexpr std::size_t max_pieces = 64;
    // Starts one write of all `pieces`, at least one. Until it is done their octets stay as they are, and the stream is
    // not written to again. It may be done at once, in full or in part.
    [[nodiscard]] WriteResult write(std::span<const base::Bytes> pieces);
    // Writes what the kernel takes of `pieces` at once, while no other write is under way. Returns how many octets that
    // were; the next write() reports what is wrong, if anything is.
    [[nodiscard]] std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept;
    [[nodiscard]] bool is_writing() const noexcept { return write_ != WriteResult::State::done; }
    // Tells the peer that nothing more comes (FIN); reading goes on.
    void shutdown_write() noexcept;
    // Drops the connection: with `reset`, by RST, so that the kernel keeps nothing of it.
    enum class CloseMode : std::uint8_t { orderly, reset };
    void close(CloseMode mode = CloseMode::orderly) noexcept;
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }

    [[nodiscard]] Reactor& reactor() const noexcept { return reactor_; }

private:
    void on_ready(std::uint32_t events) override;
    void read_again() override;
    void on_call_done(const Call& call) override;
    void receive() noexcept;
    void on_received(const Call& call);
    void finish_peer();
    void end_reading(int error);
    [[nodiscard]] int take_socket_error() noexcept;
    [[nodiscard]] WriteResult written(ssize_t result) noexcept;

    Reactor& reactor_;
    base::Descriptor socket_;
    StreamHandler& handler_;
    bool reading_ = false, expects_much_ = false;
    bool peer_finished_ = false, read_ended_ = false;
    WriteResult::State write_ = WriteResult::State::done;
    base::Bytes pending_;  // what a write that is not done begins with
};

}  // namespace proapi::net
