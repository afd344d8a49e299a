// One connection from accept to the last octet, over whatever transport: it reads for its protocol, writes what the
// protocol has put out (once a turn), and sees to it that both end in time. The protocol is HTTP first, and WebSocket
// after an upgrade.
//
//   serving --finish()--> finishing (output goes out) --> lingering (FIN sent, input is drained) --> gone
//      |---abort(), a lost connection, write_timeout------------------------------------------------^
#pragma once

#include <exception>
#include <memory>

#include "base/intrusive_list.hpp"
#include "base/output_queue.hpp"
#include "net/transport.hpp"
#include "service/settings.hpp"

namespace proapi::server {

class Server;

// What a connection carries. All members run on the reactor's thread, none on the stack of a handler's call.
class Protocol {
public:
    virtual ~Protocol() = default;
    // The protocol is in place; `leftover` came in behind the octets that led to it.
    virtual void on_start(base::MutableBytes leftover) = 0;
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer has ended its side; some of what it sent may still be unread.
    virtual void on_peer_finished() {}
    // The peer sends nothing more, and all that it sent has been read.
    virtual void on_read_end() = 0;
    // Some output has gone to the kernel; `had_waited`: for room, which the peer has made by reading.
    virtual void on_output_written(bool had_waited) = 0;
    // The turn ends and the output is about to be written.
    virtual void on_turn_end() = 0;
    // The server stops: finish what has begun, soon.
    virtual void on_shutdown() = 0;
    // The transport is closed. The last call.
    virtual void on_end() = 0;
    [[nodiscard]] virtual base::OutputQueue& output() noexcept = 0;
    // For the statistics: octets that are held of what the peer has begun and not ended, or that wait.
    [[nodiscard]] virtual std::size_t input_bytes() const noexcept = 0;
    [[nodiscard]] virtual bool is_websocket() const noexcept = 0;
};

// Of the server's list of connections, then of that of retired ones.
struct ConnectionLink : base::ListLink {};
// Of the server's list of connections that wait for a next request.
class Connection;
struct IdleLink : base::ListLink {
    explicit IdleLink(Connection& its_connection) noexcept : connection(its_connection) {}
    Connection& connection;
};

class Connection final : public ConnectionLink, private net::TransportHandler, private net::TurnEndHook {
public:
    // Starts `transport`, and throws what that throws. `is_refused`: it is one too many, and counted apart.
    Connection(Server& server, std::unique_ptr<net::Transport> transport, bool is_refused);
    ~Connection();

    // Replaces the protocol. The old one, which may be what calls, goes when the turn ends, without an on_end().
    void start(std::unique_ptr<Protocol> protocol, base::MutableBytes leftover);

    void start_reading() {
        if (phase_ == Phase::serving) transport_->start_reading();
    }
    void stop_reading() noexcept { transport_->stop_reading(); }
    // Not yet on its way to the end.
    [[nodiscard]] bool is_serving() const noexcept { return phase_ == Phase::serving; }
    void expect_much(bool is_expected) noexcept { transport_->expect_much(is_expected); }
    [[nodiscard]] bool has_unread_octets() const noexcept { return transport_->has_unread_octets(); }
    // The peer has ended its side; and all that it sent before has been read.
    [[nodiscard]] bool has_peer_finished() const noexcept { return transport_->has_peer_finished(); }
    [[nodiscard]] bool has_read_ended() const noexcept { return transport_->has_read_ended(); }
    [[nodiscard]] bool is_secure() const noexcept { return transport_->is_secure(); }
    // Written by the protocol, and not acknowledged by the peer's kernel yet.
    [[nodiscard]] std::size_t undelivered_octets() const noexcept;
    // See net::Transport.
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept { return transport_->delivered_octets(); }
    // Writes the protocol's output when the turn ends.
    void flush_soon() noexcept;
    // Sends the two behind the protocol's output: at once and from where they are, as far as the kernel takes them; the
    // rest is copied into the output. For what is so large that this copy costs more than a system call. Where there
    // is no memory for a rest, std::bad_alloc, and nothing has gone.
    void send_at_once(base::Bytes head, base::Bytes body);
    // Little: for what is of no use any more.
    enum class Patience : std::uint8_t { usual, little };
    // Writes what there is, then ends the connection in order.
    void finish(Patience patience = Patience::usual);
    // The server stops: nobody waits any longer than for what is under way.
    void shut_down();
    // The protocol has said its last word: from now on the peer has to take what was sent (with progress within
    // write_timeout) and then to end its side within close_timeout, or the connection is aborted.
    void expect_end(Patience patience = Patience::usual);
    // Ends the connection at once.
    void abort(net::Transport::CloseMode mode = net::Transport::CloseMode::reset);

    // Runs `work`, with no handler on the stack. What goes wrong in it, most likely for want of memory, costs this
    // connection and no other. Whatever calls a protocol, timers included, does it through this.
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

    // Of a protocol's timer: its on_time(), contained.
    template <class Session>
    static void call_on_time(void* session) noexcept {
        auto& self = *static_cast<Session*>(session);
        self.connection_.contain([&] { self.on_time(); });
    }

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
    // Of a pending write, then of the end. Most connections never have one: it is made when it is needed.
    struct Deadline {
        explicit Deadline(Connection& connection) noexcept
            : timer([](void* self) { static_cast<Connection*>(self)->on_deadline(); }, &connection) {}
        base::Timer timer;
        std::uint64_t last_progress_ms = 0;
        std::size_t undelivered = 0;  // when it was looked at last
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
    Phase phase_ = Phase::serving;
    const bool is_refused_;
    Patience patience_ = Patience::usual;
    bool expects_end_ = false;
    bool has_heard_ = false;    // while lingering, since it was looked at last
    bool has_written_ = false;  // and the protocol was not told yet
};

}  // namespace proapi::server
