#include "net/proxy_header_reader.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace proapi::net {

namespace {

// recv() that is not interrupted. Returns the number of octets, or a negative error number.
[[nodiscard]] ssize_t receive(int socket, base::MutableBytes room, int how) noexcept {
    while (true) {
        const ssize_t count = ::recv(socket, room.data(), room.size(), how);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

}  // namespace

ProxyHeaderReader::ProxyHeaderReader(Reactor& reactor, base::Descriptor socket, base::Address peer, Duration timeout,
                                     ProxyHeaderHandler& handler)
    : reactor_(reactor),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      handler_(handler),
      timer_([](void* self) { static_cast<ProxyHeaderReader*>(self)->on_time(); }, this) {
    // Edge-triggered: the octets stay in the socket until the header is complete.
    reactor_.watch(socket_.get(), *this, EPOLLIN | EPOLLRDHUP | EPOLLET);
    set_close_on_fork(socket_.get());
    reactor_.start_timer(timer_, timeout);
}

ProxyHeaderReader::~ProxyHeaderReader() {
    static_cast<void>(take_socket());
}

base::Descriptor ProxyHeaderReader::take_socket() noexcept {
    if (!socket_) return {};
    timer_.cancel();
    reactor_.unwatch(socket_.get(), *this);
    clear_close_on_fork(socket_.get());
    return std::move(socket_);
}

void ProxyHeaderReader::on_ready(std::uint32_t events) {
    read((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ? Stream::ended : Stream::open);
}

// The octets are looked at where they are, and taken once it is known how many of them are the header. Each arrival
// looks at all of them again; they are few, and come from a trusted proxy.
void ProxyHeaderReader::read(Stream stream) {
    std::array<std::uint8_t, max_proxy_header_bytes> octets;
    const ssize_t count = receive(socket_.get(), octets, MSG_PEEK);
    if (count == -EAGAIN || count == -EWOULDBLOCK) return;
    if (count <= 0) return report_failure("");
    const ProxyHeaderResult result = parse_proxy_header(base::Bytes(octets).first(static_cast<std::size_t>(count)));
    switch (result.state) {
        case ProxyHeaderResult::State::need_data:
            if (stream == Stream::ended) report_failure("a part of one");
            return;
        case ProxyHeaderResult::State::failed:
            return report_failure(describe(result.error));
        case ProxyHeaderResult::State::complete:
            break;
    }
    static_cast<void>(receive(socket_.get(), base::MutableBytes(octets).first(result.header.size_bytes), 0));
    timer_.cancel();
    handler_.on_proxy_header(*this, result.header);
}

void ProxyHeaderReader::on_time() {
    std::array<std::uint8_t, 1> octet;
    const bool has_begun = receive(socket_.get(), octet, MSG_PEEK) > 0;
    report_failure(has_begun ? "only a part of one in time" : "");
}

void ProxyHeaderReader::report_failure(std::string_view what_came) {
    static_cast<void>(take_socket());  // closed
    handler_.on_no_proxy_header(*this, what_came);
}

}  // namespace proapi::net
