#include "server/connection.hpp"

#include <algorithm>
#include <array>

#include "server/server.hpp"

namespace proapi::server {

namespace {

constexpr int end_checks = 8;  // per close_timeout
constexpr service::Duration stopping_check_interval{20};
constexpr service::Duration little_patience{500};

}  // namespace

Connection::Connection(Server& server, std::unique_ptr<net::Transport> transport, bool is_refused)
    : server_(server), transport_(std::move(transport)), is_refused_(is_refused) {
    transport_->start(*this);
    transport_->set_delivery_timeout(server.settings().write_timeout);
}

Connection::~Connection() {
    cancel_turn_end();
}

void Connection::start(std::unique_ptr<Protocol> protocol, base::MutableBytes leftover) {
    if (Protocol* const old = protocol_.get()) {
        server_.keep_for_turn(protocol_);
        // The old protocol's output goes out first. Its octets must not move: a write may be in progress.
        protocol->output() = std::move(old->output());
    }
    protocol_ = std::move(protocol);
    flush_soon();
    protocol_->on_start(leftover);
}

void Connection::flush_soon() noexcept {
    if (phase_ != Phase::gone) server_.reactor().at_turn_end(*this);
}

// Ends the connection before logging, so that nothing continues the work that failed halfway.
void Connection::drop(const char* why) noexcept {
    try {
        abort();
    } catch (...) {  // ignored: the connection is closed; its protocol was informed as far as memory allowed
    }
    try {
        server_.log_limited(service::LogLevel::error, std::string("a connection was dropped: ") + why);
    } catch (...) {  // ignored: no memory for the log line either
    }
}

void Connection::on_read(base::MutableBytes bytes) {
    has_heard_ = true;
    if (phase_ != Phase::serving) return;
    contain([&] { protocol_->on_read(bytes); });
}

void Connection::on_peer_finished() {
    contain([&] {
        if (phase_ == Phase::serving) protocol_->on_peer_finished();
    });
}

void Connection::on_read_end(int error) {
    contain([&] {
        if (error != 0) {
            if (const auto why = transport_->failure(); !why.empty()) protocol_->on_failure(why);
            return abort();
        }
        if (phase_ == Phase::lingering) return abort(net::Transport::CloseMode::orderly);
        if (phase_ == Phase::serving) protocol_->on_read_end();
    });
}

void Connection::on_turn_end() {
    contain([&] {
        if (phase_ == Phase::serving) protocol_->on_turn_end();
        if (phase_ != Phase::gone) flush();
    });
}

net::WriteResult Connection::start_write(const base::OutputQueue& output) {
    base::Bytes first;
    static_cast<void>(output.gather({&first, 1}));
    if (first.size() == output.size_bytes()) return transport_->write({&first, 1});  // the usual case
    std::array<base::Bytes, net::Transport::max_pieces> pieces;
    const std::size_t count = output.gather(pieces);
    return transport_->write(std::span(pieces).first(count));
}

// One write for everything queued in the turn; more only if the kernel took a part.
void Connection::flush() {
    base::OutputQueue& output = protocol_->output();
    while (!output.empty() && !transport_->is_writing() && phase_ != Phase::gone) {
        const net::WriteResult result = start_write(output);
        if (result.state == net::WriteResult::State::together) return;  // on_write_done() continues
        take(result);
    }
    if (phase_ == Phase::gone) return;
    if (output.empty() && !expects_end_) deadline_.reset();
    if (std::exchange(has_written_, false)) protocol_->on_output_written(false);
    if (phase_ == Phase::finishing && output.empty()) linger();
}

void Connection::send_at_once(base::Bytes head, base::Bytes body) {
    base::OutputQueue& output = protocol_->output();
    output.prepare(head.size() + body.size());  // if a part of a message has been sent, the rest must follow
    std::size_t taken = 0;
    std::array<base::Bytes, net::Transport::max_pieces> pieces;
    std::size_t count = output.gather(std::span(pieces).first(pieces.size() - 2));
    std::size_t queued = 0;
    for (std::size_t i = 0; i < count; ++i) queued += pieces[i].size();
    if (phase_ == Phase::serving && queued == output.size_bytes()) {
        for (const base::Bytes piece : {head, body}) pieces[count++] = piece;
        taken = transport_->write_at_once(std::span(pieces).first(count));
    }
    const std::size_t of_queue = std::min(taken, queued);
    const std::size_t of_head = std::min(taken - of_queue, head.size());
    output.append(head.subspan(of_head));
    output.append(body.subspan(taken - of_queue - of_head));
    output.drop_prepared();
    if (of_queue > 0) {  // last: a queue that becomes empty frees what was prepared
        output.consume(of_queue);
        has_written_ = true;
    }
    if (has_written_ || !output.empty()) flush_soon();
}

void Connection::take(const net::WriteResult& result) {
    if (result.error != 0) return abort();
    if (result.state == net::WriteResult::State::pending) {
        deadline().last_progress_ms = server_.reactor().now_ms();
        if (!deadline().timer.is_running())
            server_.reactor().start_timer(deadline().timer, server_.settings().write_timeout);
        return;
    }
    protocol_->output().consume(result.written);
    has_written_ = true;
}

void Connection::on_write_done(const net::WriteResult& result) {
    contain([&] {
        take(result);
        if (phase_ != Phase::gone) flush();
    });
}

void Connection::on_written(std::size_t count) {
    contain([&] {
        protocol_->output().consume(count);
        deadline().last_progress_ms = server_.reactor().now_ms();
        protocol_->on_output_written(true);
        if (phase_ != Phase::gone) flush();
    });
}

void Connection::on_lost(int) {
    contain([&] { abort(); });
}

// ---- the end ----------------------------------------------------------------------------------------------------

Connection::Deadline& Connection::deadline() {
    if (!deadline_) deadline_ = std::make_unique<Deadline>(*this);
    return *deadline_;
}

void Connection::on_deadline() {
    contain([&] { expects_end_ ? watch_end() : watch_write(); });
}

// The timer is not restarted at each write; when it fires, it compares with the last progress.
void Connection::watch_write() {
    if (!transport_->is_writing()) return;
    const std::uint64_t due = deadline().last_progress_ms + service::milliseconds(server_.settings().write_timeout);
    const std::uint64_t now = server_.reactor().now_ms();
    if (due <= now) return abort();
    server_.reactor().start_timer(deadline().timer, service::Duration(due - now));
}

// While the peer takes what was sent, however slowly, write_timeout applies as to any write; close_timeout begins when
// the peer has received everything. The kernel does not report that moment, so it is polled.
void Connection::watch_end() {
    const service::Settings& settings = server_.settings();
    Deadline& end = deadline();
    const std::uint64_t now = server_.reactor().now_ms();
    const std::size_t undelivered = undelivered_octets();
    if (undelivered < end.undelivered) end.last_progress_ms = now;
    end.undelivered = undelivered;
    // When the server stops, it does not wait for a peer that has received everything to end its side, and only briefly
    // for such a peer to fall silent.
    const bool is_over = server_.is_stopping() && phase_ == Phase::lingering && undelivered == 0;
    service::Duration patience = undelivered > 0 ? settings.write_timeout : settings.close_timeout;
    if (patience_ == Patience::little || is_over) patience = std::min(patience, little_patience);
    const std::uint64_t due = end.last_progress_ms + service::milliseconds(patience);
    if (due <= now)
        return abort(undelivered > 0 ? net::Transport::CloseMode::reset : net::Transport::CloseMode::orderly);
    const bool was_silent = !std::exchange(has_heard_, false);
    if (is_over && was_silent) return abort(net::Transport::CloseMode::orderly);
    const service::Duration interval =
        server_.is_stopping() ? stopping_check_interval : settings.close_timeout / end_checks;
    server_.reactor().start_timer(end.timer,
                                  std::min(std::max(interval, service::Duration(1)), service::Duration(due - now)));
}

std::size_t Connection::undelivered_octets() const noexcept {
    return protocol_->output().size_bytes() + transport_->undelivered_octets();
}

void Connection::expect_end(Patience patience) {
    if (patience == Patience::little) patience_ = patience;
    if (expects_end_) return;
    Deadline& end = deadline();  // if this allocation fails, nothing has begun
    expects_end_ = true;
    end.last_progress_ms = server_.reactor().now_ms();
    end.undelivered = undelivered_octets();
    end.timer.cancel();
    watch_end();
}

void Connection::finish(Patience patience) {
    if (phase_ != Phase::serving) return;
    phase_ = Phase::finishing;
    transport_->stop_reading();
    if (patience == Patience::little) expect_end(patience);
    flush_soon();
}

// Sends FIN first, then reads and drops what the peer still sends. Closing with unread octets would send RST, and the
// peer's kernel would drop the last octets of the output (RFC 9112 section 9.6).
void Connection::linger() {
    phase_ = Phase::lingering;
    if (has_read_ended()) return abort(net::Transport::CloseMode::orderly);
    transport_->shutdown_write();
    expect_end();
    transport_->start_reading();
}

void Connection::shut_down() {
    if (phase_ == Phase::serving) return contain([&] { protocol_->on_shutdown(); });
    if (expects_end_) server_.reactor().start_timer(deadline().timer, service::Duration(0));  // checks anew, in a turn
}

void Connection::abort(net::Transport::CloseMode mode) {
    if (phase_ == Phase::gone) return;
    phase_ = Phase::gone;
    if (deadline_) deadline_->timer.cancel();  // it may be the caller
    transport_->close(mode);
    client_.give_back();
    server_.retire(*this, is_refused_);  // destroyed at the end of the turn
    if (protocol_) protocol_->on_end();
}

}  // namespace proapi::server
