#include "net/tcp_transport.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "net/forks.hpp"
#include "net/tcp_info.hpp"

namespace proapi::net {

namespace {

// Edge-triggered, and set once for the socket's lifetime: arming and disarming would cost a system call each time.
constexpr std::uint32_t socket_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

[[nodiscard]] bool is_temporary(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

[[nodiscard]] ssize_t send_pieces(int socket, std::span<const base::Bytes> pieces, int how) noexcept {
    iovec entries[TcpTransport::max_pieces];
    const std::size_t count = std::min(pieces.size(), TcpTransport::max_pieces);
    for (std::size_t i = 0; i < count; ++i)
        entries[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
    msghdr message{};
    message.msg_iov = entries;
    message.msg_iovlen = count;
    return ::sendmsg(socket, &message, how | MSG_NOSIGNAL);
}

}  // namespace

TcpTransport::TcpTransport(Reactor& reactor, base::Descriptor socket) noexcept
    : socket_(std::move(socket)), reactor_(reactor) {
    const int one = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_close_on_fork(socket_.get());
}

void TcpTransport::start(TransportHandler& handler) {
    set_handler(handler);
    reactor_.watch(socket_.get(), *this, socket_events);
}

TcpTransport::~TcpTransport() {
    TcpTransport::close(CloseMode::orderly);
}

void TcpTransport::close(CloseMode mode) noexcept {
    if (!socket_) return;
    cancel_read();
    reactor_.unwatch(socket_.get(), *this, *this);
    if (mode == CloseMode::reset && !reactor_.is_forked()) {
        const linger hard{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    clear_close_on_fork(socket_.get());
    socket_.reset();
    reading_ = false;
    write_ = WriteResult::State::done;
}

void TcpTransport::start_reading() {
    if (reading_ || has_read_ended() || !socket_) return;
    reading_ = true;
    reactor_.read_later(*this);  // the edge for octets that have already arrived has passed
}

void TcpTransport::stop_reading() noexcept {
    reading_ = false;
    cancel_read();
}

bool TcpTransport::has_unread_octets() const noexcept {
    int count = 0;
    return ::ioctl(socket_.get(), FIONREAD, &count) == 0 && count > 0;
}

std::size_t TcpTransport::undelivered_octets() const noexcept {
    int count = 0;
    return ::ioctl(socket_.get(), SIOCOUTQ, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::uint32_t TcpTransport::delivered_octets() const noexcept {
    if (const auto acknowledged = net::delivered_octets(socket_.get()))
        return static_cast<std::uint32_t>(*acknowledged);
    // A Unix socket counts only what its peer has not read yet, in pieces of up to 32 KiB. While nothing is written, a
    // change of that is progress.
    return ~static_cast<std::uint32_t>(TcpTransport::undelivered_octets());
}

void TcpTransport::set_delivery_timeout(Duration timeout) noexcept {
    const auto milliseconds = static_cast<unsigned>(std::min<std::int64_t>(timeout.count(), 1'000'000'000));
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

int TcpTransport::take_socket_error() noexcept {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

// One read per turn: a peer that fills its socket does not delay the others.
void TcpTransport::read_again() {
    if (reading_) receive();
}

void TcpTransport::receive() noexcept {
    if (expects_much_) {
        reactor_.receive_much(*this, socket_.get());
    } else {
        reactor_.receive(*this, socket_.get());
    }
}

void TcpTransport::on_io_done(const IoRequest& request) {
    if (request.kind == IoRequest::Kind::receive) return on_received(request);
    handler().on_write_done(written(request.result));
}

void TcpTransport::on_received(const IoRequest& request) {
    if (request.result > 0) {
        const auto size = static_cast<std::size_t>(request.result);
        // A read that leaves room in the buffer has emptied the socket: the next octets make a new edge. The edge of an
        // end of stream has already passed, so another read has to find it.
        if (reading_ && (size == request.size || has_peer_finished())) reactor_.read_later(*this);
        handler().on_read({request.data, size});
        // A handler that stops reading at the last octets still learns of the end: no further event will report it.
        if (has_peer_finished() && !reading_ && socket_ && !has_unread_octets()) report_read_end(take_socket_error());
    } else if (request.result == 0) {
        report_read_end(0);
    } else if (const auto error = static_cast<int>(-request.result); !is_temporary(error)) {
        report_read_end(error);
    } else if (error == EINTR && reading_) {
        reactor_.read_later(*this);
    }
}

void TcpTransport::on_ready(std::uint32_t events) {
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) report_peer_finished();
    if (!socket_) return;
    if (write_ == WriteResult::State::pending && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        const ssize_t count = ::send(socket_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
        if (count > 0) {
            write_ = WriteResult::State::done;
            handler().on_written(static_cast<std::size_t>(count));
        } else if (count < 0 && !is_temporary(errno)) {
            write_ = WriteResult::State::done;
            return handler().on_lost(errno);
        }
        if (!socket_) return;
    }
    if (has_read_ended()) {
        if (events & EPOLLERR) handler().on_lost(take_socket_error());
        return;
    }
    if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
    if (reading_) {
        cancel_read();
        receive();
    } else if ((events & EPOLLERR) || (has_peer_finished() && !has_unread_octets())) {
        // Reading is stopped, and the connection is lost or there is nothing left to read: the end need not wait.
        report_read_end(take_socket_error());
    }
}

WriteResult TcpTransport::write(std::span<const base::Bytes> pieces) {
    if (!socket_ || reactor_.is_forked()) return {.error = ENOTCONN};
    pending_ = pieces[0];
    if (pieces.size() == 1) [[likely]] {
        if (reactor_.send_together(*this, socket_.get(), pending_)) {
            write_ = WriteResult::State::together;
            return {.state = write_};
        }
        const ssize_t sent = ::send(socket_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
        return written(sent < 0 ? -errno : sent);  // cheaper than sendmsg()
    }
    const ssize_t sent = send_pieces(socket_.get(), pieces, 0);
    return written(sent < 0 ? -errno : sent);
}

std::size_t TcpTransport::write_at_once(std::span<const base::Bytes> pieces) noexcept {
    if (!socket_ || is_writing() || reactor_.is_forked()) return 0;
    const ssize_t sent = send_pieces(socket_.get(), pieces, MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// `result`: the octets that a send took, or a negative error number.
WriteResult TcpTransport::written(ssize_t result) noexcept {
    write_ = WriteResult::State::done;
    if (result >= 0) return {.written = static_cast<std::size_t>(result)};
    if (const auto error = static_cast<int>(-result); !is_temporary(error)) return {.error = error};
    write_ = WriteResult::State::pending;
    return {.state = write_};
}

void TcpTransport::shutdown_write() noexcept {
    if (socket_ && !reactor_.is_forked()) ::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace proapi::net
