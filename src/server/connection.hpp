// One accepted socket from accept to the last octet: it reads for its protocol, writes what the protocol has put out
// (once a turn), and sees to it that both end in time. The protocol is HTTP first, and WebSocket after an upgrade.
//
//   serving --finish()--> finishing (output goes out) --> lingering (FIN sent, input is drained) --> gone
//      |---abort(), a lost connection, write_timeout------------------------------------------------^
#pragma once

#include <memory>

#include "base/intrusive_list.hpp"
#include "base/output_queue.hpp"
#include "net/stream.hpp"
#include "server/settings.hpp"

namespace proapi::server {

class Server;

// What a connection carries. All members run on the reactor's thread, none on the stack of a handler's call.
class Protocol {
public:
    virtual ~Protocol() = default;
    // The protocol is in place; `leftover` came in behind the octets that led to it.
    virtual void on_start(base::MutableBytes leftover) = 0;
    virtual void on_read(base::MutableBytes bytes) = 0;
    // The peer sends nothing more (error 0), or the connection is lost.
    virtual void on_read_end(int error) = 0;
    // Some output has gone to the kernel.
    virtual void on_output_written() = 0;
    // The turn ends and the output is about to be written.
    virtual void on_turn_end() = 0;
    // The server stops: finish what has begun, soon.
    virtual void on_shutdown() = 0;
    // The socket is gone. The last call.
    virtual void on_end() = 0;
    [[nodiscard]] virtual base::OutputQueue& output() noexcept = 0;
};

// Of the server's list of connections, then of that of retired ones.
struct ConnectionLink : base::ListLink {};

class Connection final : public ConnectionLink, private net::StreamHandler, private net::TurnEndHook {
public:
    Connection(Server& server, net::Descriptor socket);
    ~Connection();

    // Replaces the protocol at the end of the running call; the old one gets no on_end().
    void start(std::unique_ptr<Protocol> protocol, base::MutableBytes leftover);

    void start_reading() { if (phase_ == Phase::serving) stream_.start_reading(); }
    void stop_reading() noexcept { stream_.stop_reading(); }
    [[nodiscard]] bool has_unread_octets() const noexcept { return stream_.has_unread_octets(); }
    // Writes the protocol's output when the turn ends.
    void flush_soon() noexcept;
    // Writes what there is, then ends the connection in order.
    void finish();
    // Ends the connection at once.
    void abort(net::Stream::CloseMode mode = net::Stream::CloseMode::reset);

    [[nodiscard]] Server& server() const noexcept { return server_; }
    [[nodiscard]] Protocol* protocol() const noexcept { return protocol_.get(); }

private:
    enum class Phase : std::uint8_t { serving, finishing, lingering, gone };

    void on_read(base::MutableBytes bytes) override;
    void on_read_end(int error) override;
    void on_written(std::size_t count) override;
    void on_write_error(int error) override;
    void on_turn_end() override;
    void flush();
    void linger();
    // Of a pending write, then of lingering. Most connections never have one: it is made when it is needed.
    struct Deadline {
        explicit Deadline(Connection& connection) noexcept
            : timer([](void* self) { static_cast<Connection*>(self)->on_deadline(); }, &connection) {}
        base::Timer timer;
        std::uint64_t last_progress_ms = 0;
    };
    void on_deadline();
    [[nodiscard]] Deadline& deadline();

    Server& server_;
    net::Stream stream_;
    std::unique_ptr<Protocol> protocol_, previous_protocol_;
    std::unique_ptr<Deadline> deadline_;
    Phase phase_ = Phase::serving;
    bool peer_finished_ = false;
};

}  // namespace proapi::server
