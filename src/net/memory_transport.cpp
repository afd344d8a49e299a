#include "net/memory_transport.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>

namespace proapi::net {

MemoryTransport::Pair MemoryTransport::make_pair(Reactor& reactor) {
    Pair pair{new MemoryTransport(reactor), nullptr};
    pair.second.reset(new MemoryTransport(reactor));
    pair.first->peer_ = pair.second.get();
    pair.second->peer_ = pair.first.get();
    return pair;
}

MemoryTransport::~MemoryTransport() {
    MemoryTransport::close(CloseMode::orderly);
}

void MemoryTransport::set_behaviour(const MemoryBehaviour& behaviour) noexcept {
    behaviour_ = behaviour;
    report_soon();
    if (peer_) peer_->report_soon();  // there may be room for what it writes
}

bool MemoryTransport::is_failing() noexcept {
    if (!failure_ || failure_->has_come) return false;
    if (failure_->after_operations == 0) return failure_->has_come = true;
    --failure_->after_operations;
    return false;
}

void MemoryTransport::start(TransportHandler& handler) {
    set_handler(handler);
    report_soon();  // the peer may have done something already
}

void MemoryTransport::start_reading() {
    if (reading_ || has_read_ended() || !is_open_) return;
    reading_ = true;
    report_soon();
}

void MemoryTransport::stop_reading() noexcept {
    reading_ = false;
}

std::size_t MemoryTransport::arrived_octets() const noexcept {
    return std::min(incoming_.size_bytes() - undeliverable_octets_, behaviour_.receive_buffer_bytes);
}

bool MemoryTransport::has_fin_arrived() const noexcept {
    return has_peer_shut_down_ && incoming_.size_bytes() == arrived_octets();
}

std::size_t MemoryTransport::undelivered_octets() const noexcept {
    return peer_ ? peer_->incoming_.size_bytes() - peer_->arrived_octets() : 0;
}

std::size_t MemoryTransport::room() const noexcept {
    const std::size_t taken = peer_->incoming_.size_bytes(), at_peer = peer_->behaviour_.receive_buffer_bytes;
    const std::size_t ours = behaviour_.send_buffer_bytes;
    if (taken < at_peer) return at_peer - taken + std::min(ours, MemoryBehaviour::unlimited - (at_peer - taken));
    return ours - std::min(ours, taken - at_peer);
}

// ---- reporting ------------------------------------------------------------------------------------------------------

void MemoryTransport::report_soon() noexcept {
    if (!is_open_ || !has_started() || std::exchange(reports_soon_, true)) return;
    reactor_.read_later(*this);
    if (!reactor_.is_in_turn()) reactor_.wake();  // a loop that drives the reactor waits for its descriptor
}

void MemoryTransport::read_again() {
    reports_soon_ = false;
    try {
        report();
    } catch (...) {  // out of memory: the rest is reported later
        report_soon();
        throw;
    }
}

void MemoryTransport::report() {
    if (lost_ != 0 || has_fin_arrived()) report_peer_finished();
    if (is_open_ && write_ == WriteResult::State::pending) {
        const WriteResult result = write_now({&pending_, 1});
        if (result.error != 0) {
            has_reported_loss_ = true;
            return handler().on_lost(result.error);
        }
        if (result.written > 0) handler().on_written(result.written);
    }
    if (!is_open_) return;
    if (has_read_ended()) {
        if (lost_ != 0 && !std::exchange(has_reported_loss_, true)) handler().on_lost(lost_);
    } else if (reading_) {
        read_once();
    } else if (lost_ != 0 || (has_peer_finished() && !has_unread_octets())) {
        // Reading is stopped, and the connection is lost or there is nothing left to read: the end need not wait.
        has_reported_loss_ = lost_ != 0;
        report_read_end(lost_);
    }
}

// One read per turn: a peer that writes much does not delay the others.
void MemoryTransport::read_once() {
    if (!has_unread_octets() && !has_fin_arrived() && lost_ == 0) return;
    if (lost_ == 0 && is_failing()) lose(failure_->error);
    const std::size_t size = std::min(arrived_octets(), behaviour_.max_read_bytes);
    if (size == 0) {
        has_reported_loss_ = lost_ != 0;
        return report_read_end(lost_);
    }
    std::string part(size, '\0');
    for (std::size_t taken = 0; taken < size;) {
        base::Bytes piece;
        static_cast<void>(incoming_.gather({&piece, 1}));
        piece = piece.first(std::min(piece.size(), size - taken));
        std::ranges::copy(piece, part.begin() + static_cast<std::ptrdiff_t>(taken));
        taken += piece.size();
        incoming_.consume(piece.size());
    }
    if (peer_) peer_->report_soon();  // there is room for what it writes
    if (has_unread_octets() || has_fin_arrived() || lost_ != 0) report_soon();
    handler().on_read({reinterpret_cast<std::uint8_t*>(part.data()), part.size()});
}

// ---- writing ------------------------------------------------------------------------------------------------------

WriteResult MemoryTransport::write(std::span<const base::Bytes> pieces) {
    if (!is_open_) return {.error = ENOTCONN};
    pending_ = pieces[0];
    if (behaviour_.writes == MemoryBehaviour::Writes::together && pieces.size() == 1) {
        write_ = WriteResult::State::together;
        reactor_.at_turn_end(*this);
        return {.state = write_};
    }
    return write_now(pieces);
}

void MemoryTransport::on_turn_end() {
    handler().on_write_done(write_now({&pending_, 1}));
}

std::size_t MemoryTransport::write_at_once(std::span<const base::Bytes> pieces) noexcept {
    if (!is_open_ || is_writing()) return 0;
    const std::size_t written = write_now(pieces).written;
    write_ = WriteResult::State::done;
    return written;
}

WriteResult MemoryTransport::write_now(std::span<const base::Bytes> pieces) noexcept {
    write_ = WriteResult::State::done;
    if (lost_ != 0) return {.error = lost_};
    if (!peer_ || has_shut_down_) return {.error = EPIPE};
    if (room() == 0) {
        write_ = WriteResult::State::pending;
        return {.state = write_};
    }
    if (!is_failing()) return put(pieces);
    lose(failure_->error);
    return {.error = lost_};
}

WriteResult MemoryTransport::put(std::span<const base::Bytes> pieces) noexcept {
    std::size_t size = 0;
    for (const base::Bytes piece : pieces) size += piece.size();
    size = std::min({size, room(), behaviour_.max_write_bytes});
    try {
        peer_->incoming_.prepare(size);
    } catch (const std::bad_alloc&) {
        return {.error = ENOBUFS};
    }
    std::size_t left = size;
    for (const base::Bytes piece : pieces) {
        const std::size_t taken = std::min(left, piece.size());
        peer_->incoming_.append(piece.first(taken));
        left -= taken;
    }
    written_octets_ += size;
    peer_->report_soon();
    return {.written = size};
}

void MemoryTransport::shutdown_write() noexcept {
    if (!is_open_ || std::exchange(has_shut_down_, true) || !peer_) return;
    peer_->has_peer_shut_down_ = true;
    peer_->report_soon();
}

// ---- the end ------------------------------------------------------------------------------------------------------

void MemoryTransport::lose(int error) noexcept {
    reset_peer();
    lost_ = error;
    incoming_.clear();
    undeliverable_octets_ = 0;
    report_soon();
}

// The peer can still read the octets that were delivered to it.
void MemoryTransport::reset_peer() noexcept {
    MemoryTransport* const peer = std::exchange(peer_, nullptr);
    if (!peer) return;
    peer->peer_ = nullptr;
    peer->undeliverable_octets_ = peer->incoming_.size_bytes() - peer->arrived_octets();
    peer->lost_ = ECONNRESET;
    peer->report_soon();
}

void MemoryTransport::close(CloseMode mode) noexcept {
    if (!is_open_) return;
    is_open_ = reading_ = false;
    write_ = WriteResult::State::done;
    cancel_read();
    cancel_turn_end();
    if (mode == CloseMode::reset || !incoming_.empty()) reset_peer();
    if (MemoryTransport* const peer = std::exchange(peer_, nullptr)) {
        peer->peer_ = nullptr;
        peer->has_peer_shut_down_ = true;
        peer->report_soon();
    }
    incoming_.clear();
    undeliverable_octets_ = 0;
}

}  // namespace proapi::net
