#include "server/connection.hpp"

#include "server/server.hpp"

namespace proapi::server {

namespace {

constexpr std::size_t gather_entries = 64;

}  // namespace

Connection::Connection(Server& server, net::Descriptor socket)
    : server_(server), stream_(server.reactor(), std::move(socket), *this) {}

Connection::~Connection() { cancel_turn_end(); }

void Connection::start(std::unique_ptr<Protocol> protocol, base::MutableBytes leftover) {
    previous_protocol_ = std::move(protocol_);  // it may be what calls us: it goes at the turn's end
    protocol_ = std::move(protocol);
    // What the old one has said goes out first. Its octets stay where they are: a write may be in flight.
    if (previous_protocol_) protocol_->output() = std::move(previous_protocol_->output());
    flush_soon();
    protocol_->on_start(leftover);
}

void Connection::flush_soon() noexcept {
    if (phase_ != Phase::gone) server_.reactor().at_turn_end(*this);
}

void Connection::on_read(base::MutableBytes bytes) {
    if (phase_ == Phase::serving) protocol_->on_read(bytes);
}

void Connection::on_read_end(int error) {
    peer_finished_ = true;
    if (error != 0) return abort();
    if (phase_ == Phase::lingering) return abort(net::Stream::CloseMode::orderly);
    if (phase_ == Phase::serving) protocol_->on_read_end(error);
}

void Connection::on_turn_end() {
    previous_protocol_.reset();
    if (phase_ == Phase::gone) return;
    if (phase_ == Phase::serving) protocol_->on_turn_end();
    flush();
}

// One system call for all that was queued in the turn; more only where the kernel took a part.
void Connection::flush() {
    base::OutputQueue& output = protocol_->output();
    bool progress = false;
    while (!output.empty() && !stream_.is_writing() && phase_ != Phase::gone) {
        iovec entries[gather_entries];
        const std::size_t count = output.gather(entries, gather_entries);
        const net::WriteResult result = stream_.write(entries, count);
        if (result.error != 0) return abort();
        if (result.pending) {
            deadline().last_progress_ms = server_.reactor().now_ms();
            if (!deadline().timer.is_running())
                server_.reactor().start_timer(deadline().timer, server_.settings().write_timeout);
            break;
        }
        output.consume(result.written);
        progress = true;
    }
    if (output.empty()) deadline_.reset();
    if (progress && phase_ != Phase::gone) protocol_->on_output_written();
    if (phase_ == Phase::finishing && output.empty()) linger();
}

void Connection::on_written(std::size_t count) {
    protocol_->output().consume(count);
    deadline().last_progress_ms = server_.reactor().now_ms();
    if (phase_ != Phase::gone) protocol_->on_output_written();
    flush();
}

void Connection::on_write_error(int) { abort(); }

Connection::Deadline& Connection::deadline() {
    if (!deadline_) deadline_ = std::make_unique<Deadline>(*this);
    return *deadline_;
}

void Connection::on_deadline() {
    if (phase_ == Phase::lingering) return abort();
    if (!stream_.is_writing()) return;
    // The timer is not moved at each write: it looks back when it fires.
    const auto timeout = static_cast<std::uint64_t>(server_.settings().write_timeout.count());
    const std::uint64_t due = deadline().last_progress_ms + timeout;
    const std::uint64_t now = server_.reactor().now_ms();
    if (due <= now) return abort();
    server_.reactor().start_timer(deadline().timer, Duration(due - now));
}

void Connection::finish() {
    if (phase_ != Phase::serving) return;
    phase_ = Phase::finishing;
    stream_.stop_reading();
    flush_soon();
}

// FIN first, then what the peer still sends is read and dropped: closing with unread octets would send RST, which
// makes the peer's kernel drop our last words (RFC 9112 section 9.6).
void Connection::linger() {
    phase_ = Phase::lingering;
    stream_.shutdown_write();
    if (peer_finished_) return abort(net::Stream::CloseMode::orderly);
    server_.reactor().start_timer(deadline().timer, server_.settings().close_timeout);
    stream_.start_reading();
}

void Connection::abort(net::Stream::CloseMode mode) {
    if (phase_ == Phase::gone) return;
    phase_ = Phase::gone;
    if (deadline_) deadline_->timer.cancel();  // it may be what calls us
    stream_.close(mode);
    if (protocol_) protocol_->on_end();
    server_.retire(*this);
}

}  // namespace proapi::server
