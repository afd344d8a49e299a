// One connection from accept to the last octet, over any transport. It reads for its protocol, writes the protocol's
// output once a turn, and enforces the times by which output must be taken and the connection must end. The protocol is
// HTTP at first, and WebSocket after an upgrade.
//
//   serving --finish()--> finishing (output goes out) --> lingering (FIN sent, input is drained) --> gone
//      |---abort(), a lost connection, write_timeout------------------------------------------------^
#pragma once

#include <exception>
#include <memory>

#include "base/intrusive_list.hpp"
#include "base/output_queue.hpp"
#include "net/transport.hpp"
#include "server/client_limit.hpp"
#include "service/settings.hpp"

namespace proapi::server {

class Server;

// What a connection carries. All members run on the reactor's thread, never on the stack of a handler's call.
class Protocol {
public:
    virtual ~Protocol() = default;
    // The connection has installed the protocol; `leftover` arrived after the octets that led to it.
    virtual void on_start(base::MutableBytes leftover) = 0;
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer has ended its side; some of its octets may still be unread.
    virtual void on_peer_finished() {}
    // The peer has ended its side, and all its octets have been read.
    virtual void on_read_end() = 0;
    // The kernel has taken some output. `had_waited`: the output had to wait until the peer made room by reading.
    virtual void on_output_written(bool had_waited) = 0;
    // The transport is about to end, and says why.
    virtual void on_failure(std::string_view why) { static_cast<void>(why); }
    // The turn ends, and the output is about to be written.
    virtual void on_turn_end() = 0;
    // The server stops: finish soon what has begun.
    virtual void on_shutdown() = 0;
    // The transport is closed. This is the last call.
    virtual void on_end() = 0;
    [[nodiscard]] virtual base::OutputQueue& output() noexcept = 0;
    // For the statistics: the buffered octets of input that the peer has begun and not ended, or that waits.
    [[nodiscard]] virtual std::size_t input_bytes() const noexcept = 0;
    [[nodiscard]] virtual bool is_websocket() const noexcept = 0;
};

// Links a connection into the server's list of open connections, later into that of retired ones.
struct ConnectionLink : base::ListLink {};
// Links a connection into the server's list of connections that wait for their next request.
class Connection;
struct IdleLink : base::ListLink {
    explicit IdleLink(Connection& its_connection) noexcept : connection(its_connection) {}
    Connection& connection;
};

class Connection final : public ConnectionLink, private net::TransportHandler, private net::TurnEndHook {
public:
    // Starts `transport`; throws what that throws. `is_refused`: the connection exceeds the limit and is counted
    // separately.
    Connection(Server& server, std::unique_ptr<net::Transport> transport, bool is_refused);
    ~Connection();

    // Replaces the protocol. The old one, which may be the caller, is destroyed at the end of the turn, without an
    // on_end().
    void start(std::unique_ptr<Protocol> protocol, base::MutableBytes leftover);

    void start_reading() {
        if (phase_ == Phase::serving) transport_->start_reading();
    }
    void stop_reading() noexcept { transport_->stop_reading(); }
    // Whether the end of the connection has not begun yet.
    [[nodiscard]] bool is_serving() const noexcept { return phase_ == Phase::serving; }
    void expect_much(bool is_expected) noexcept { transport_->expect_much(is_expected); }
    [[nodiscard]] bool has_unread_octets() const noexcept { return transport_->has_unread_octets(); }
    // Whether the peer has ended its side, and whether all that it sent has also been read.
    [[nodiscard]] bool has_peer_finished() const noexcept { return transport_->has_peer_finished(); }
    [[nodiscard]] bool has_read_ended() const noexcept { return transport_->has_read_ended(); }
    [[nodiscard]] bool is_secure() const noexcept { return transport_->is_secure(); }
    [[nodiscard]] bool is_established() const noexcept { return transport_->is_established(); }
    [[nodiscard]] std::shared_ptr<const std::string> client_certificate() const {
        return transport_->client_certificate();
    }
    // Octets that the protocol has written and that the peer's kernel has not acknowledged yet.
    [[nodiscard]] std::size_t undelivered_octets() const noexcept;
    // See net::Transport.
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept { return transport_->delivered_octets(); }
    // Writes the protocol's output when the turn ends.
    void flush_soon() noexcept;
    // Sends `head` and `body` after the protocol's output. As far as the kernel takes them, they are written at once
    // and from where they are; the rest is copied into the output. For bodies so large that the copy costs more than a
    // system call. Throws std::bad_alloc if there is no memory for the rest; nothing has been sent then.
    void send_at_once(base::Bytes head, base::Bytes body);
    // `little` is for connections that are of no use any more.
    enum class Patience : std::uint8_t { usual, little };
    // Writes the remaining output, then ends the connection gracefully.
    void finish(Patience patience = Patience::usual);
    // The server stops: the connection waits only for what is already in progress.
    void shut_down();
    // The protocol writes nothing more. From now on the peer must take what was sent (with progress within
    // write_timeout) and then end its side within close_timeout; otherwise the connection is aborted.
    void expect_end(Patience patience = Patience::usual);
    // Ends the connection at once.
    void abort(net::Transport::CloseMode mode = net::Transport::CloseMode::reset);

    // Runs `work`, with no handler on the stack. An exception, most likely std::bad_alloc, ends this connection and no
    // other. Everything that calls a protocol, including timers, does so through this function.
    template <class Work>
    void contain(Work&& work) noexcept {
        try {
            work();
        } catch (const std::exception& error) {
            drop(error.what());
        } catch (...) {
            drop("an exception of an unknown kind");
        }
    }

    // The callback of a protocol's timer: calls on_time() within contain().
    template <class Session>
    static void call_on_time(void* session) noexcept {
        auto& self = *static_cast<Session*>(session);
        self.connection_.contain([&] { self.on_time(); });
    }

    // Counts this connection for its client, and no longer for the one before, until it ends.
    void count_for(ClientSlot client) noexcept { client_ = std::move(client); }

    [[nodiscard]] Server& server() const noexcept { return server_; }
    [[nodiscard]] Protocol* protocol() const noexcept { return protocol_.get(); }

private:
    enum class Phase : std::uint8_t { serving, finishing, lingering, gone };

    void on_read(base::MutableBytes bytes) override;
    void on_peer_finished() override;
    void on_read_end(int error) override;
    void on_write_done(const net::WriteResult& result) override;
    void on_written(std::size_t count) override;
    void on_lost(int error) override;
    void on_turn_end() override;
    void flush();
    [[nodiscard]] net::WriteResult start_write(const base::OutputQueue& output);
    void take(const net::WriteResult& result);
    void linger();
    // The deadline of a pending write, then of the end. Allocated on demand, since most connections never need it.
    struct Deadline {
        explicit Deadline(Connection& connection) noexcept
            : timer([](void* self) { static_cast<Connection*>(self)->on_deadline(); }, &connection) {}
        base::Timer timer;
        std::uint64_t last_progress_ms = 0;
        std::size_t undelivered = 0;  // at the last check
    };
    void on_deadline();
    [[nodiscard]] Deadline& deadline();
    void watch_write();
    void watch_end();
    void drop(const char* why) noexcept;

    Server& server_;
    std::unique_ptr<net::Transport> transport_;
    std::unique_ptr<Protocol> protocol_;
    std::unique_ptr<Deadline> deadline_;
    ClientSlot client_;
    Phase phase_ = Phase::serving;
    const bool is_refused_;
    Patience patience_ = Patience::usual;
    bool expects_end_ = false;
    bool has_heard_ = false;    // while lingering: octets have arrived since the last check
    bool has_written_ = false;  // the protocol has not been informed yet
};

}  // namespace proapi::server
