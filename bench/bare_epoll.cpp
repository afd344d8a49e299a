// The least that an echo costs on this machine: epoll, recv, send, and as little as possible between them.
//
//   bare_epoll PORT
//
// It is not a real server: it trusts every peer, understands only text messages in one frame, and exits on anything
// unexpected. It shares no code with the project.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

// The answer to the key that bench/load_client sends (RFC 6455, 1.3).
constexpr std::string_view handshake =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
constexpr std::string_view reply_prefix = "Echo: ";

struct Connection {
    int fd = -1;
    bool is_open = false, waits_to_write = false;
    std::string partial;  // begins with partial_bytes octets of an incomplete frame
    std::size_t partial_bytes = 0;
    std::string replies;
    std::size_t sent = 0;  // octets of `replies` that have been sent
};

[[noreturn]] void fail_by_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

class Server {
public:
    explicit Server(std::uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM, 0)), epoll_(::epoll_create1(0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail_by_errno("bind");
        if (::listen(listener_, SOMAXCONN) != 0) fail_by_errno("listen");
        watch(listener_, nullptr);
    }

    // All reads of a turn come before its writes, as in src/net.
    [[noreturn]] void run() {
        std::array<epoll_event, 512> events{};
        std::vector<Connection*> answered;
        while (true) {
            const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                auto* connection = static_cast<Connection*>(event.data.ptr);
                if (connection == nullptr) {
                    accept();
                } else if (((event.events & EPOLLIN) == 0 || read(*connection)) && !connection->replies.empty()) {
                    answered.push_back(connection);
                }
            }
            for (Connection* connection : answered) write(*connection);
            answered.clear();
        }
    }

private:
    void watch(int fd, Connection* connection, int operation = EPOLL_CTL_ADD) const {
        epoll_event event{};
        event.events = EPOLLIN | (connection != nullptr && connection->waits_to_write ? EPOLLOUT : 0U);
        event.data.ptr = connection;
        if (::epoll_ctl(epoll_, operation, fd, &event) != 0) fail_by_errno("epoll_ctl");
    }

    void accept() const {
        auto connection = std::make_unique<Connection>();
        connection->fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
        if (connection->fd < 0) fail_by_errno("accept4");
        const int on = 1;
        ::setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(connection->fd, connection.get());
        connection.release();  // read() deletes it when the peer disconnects
    }

    // Returns false if it has closed and deleted the connection. Buffers never shrink: the C library would return large
    // blocks to the kernel, and request them again for each message.
    bool read(Connection& connection) {
        std::string& partial = connection.partial;
        const std::size_t had = connection.partial_bytes;
        char* into = buffer_.data();
        if (had > 0) {
            if (partial.size() < had + buffer_.size()) partial.resize(had + buffer_.size());
            into = partial.data() + had;
        }
        const ssize_t received = ::recv(connection.fd, into, buffer_.size(), 0);
        if (received < 0 && errno == EAGAIN) return true;
        if (received <= 0) {
            ::close(connection.fd);
            delete &connection;
            return false;
        }
        std::string_view octets(had > 0 ? partial.data() : into, had + static_cast<std::size_t>(received));
        if (!connection.is_open) {
            connection.replies = handshake;
            connection.is_open = true;
            return true;
        }
        scratch_.clear();
        octets.remove_prefix(echo(octets, scratch_));
        answer(connection);
        if (partial.size() < octets.size()) partial.resize(octets.size());
        if (octets.data() != partial.data()) std::memmove(partial.data(), octets.data(), octets.size());
        connection.partial_bytes = octets.size();
        return true;
    }

    // Small replies are sent at the end of the turn. Large ones are sent at once, while they are in the CPU cache.
    void answer(Connection& connection) {
        std::size_t sent = 0;
        if (scratch_.size() >= large_bytes && connection.replies.empty()) {
            const ssize_t count = ::send(connection.fd, scratch_.data(), scratch_.size(), MSG_NOSIGNAL);
            if (count > 0) sent = static_cast<std::size_t>(count);
        }
        connection.replies.append(scratch_, sent);
    }

    // Returns how many octets of extended length follow the second octet (RFC 6455, 5.2).
    static std::size_t length_octets(unsigned char second) {
        const unsigned length = second & 0x7FU;
        return length < 126 ? 0 : length == 126 ? 2 : 8;
    }

    // Appends the replies to all complete frames. Returns how many octets these frames have.
    static std::size_t echo(std::string_view frames, std::string& replies) {
        std::size_t taken = 0;
        while (frames.size() - taken >= 2) {
            const std::string_view frame = frames.substr(taken);
            const std::size_t more = length_octets(static_cast<unsigned char>(frame[1]));
            const std::size_t head_bytes = 2 + more + 4;
            if (frame.size() < head_bytes) break;
            std::size_t length = static_cast<unsigned char>(frame[1]) & 0x7FU;
            if (more > 0) length = 0;
            for (std::size_t i = 0; i < more; ++i) length = length << 8 | static_cast<unsigned char>(frame[2 + i]);
            if (frame.size() < head_bytes + length) break;
            reply(frame.substr(head_bytes, length), frame.substr(head_bytes - 4, 4), replies);
            taken += head_bytes + length;
        }
        return taken;
    }

    static void reply(std::string_view masked, std::string_view key, std::string& replies) {
        const std::size_t length = reply_prefix.size() + masked.size();
        const std::size_t more = length < 126 ? 0 : length < 65536 ? 2 : 8;
        replies += '\x81';
        replies += static_cast<char>(more == 0 ? length : more == 2 ? 126 : 127);
        for (std::size_t i = more; i-- > 0;) replies += static_cast<char>(length >> (8 * i));
        replies += reply_prefix;
        const std::size_t at = replies.size();
        replies.append(masked);
        std::uint32_t word = 0, mask = 0;
        std::memcpy(&mask, key.data(), sizeof mask);
        std::size_t i = 0;
        for (; i + sizeof word <= masked.size(); i += sizeof word) {
            std::memcpy(&word, &replies[at + i], sizeof word);
            word ^= mask;
            std::memcpy(&replies[at + i], &word, sizeof word);
        }
        for (; i < masked.size(); ++i) replies[at + i] = static_cast<char>(replies[at + i] ^ key[i % 4]);
    }

    void write(Connection& connection) const {
        const ssize_t sent = ::send(connection.fd, connection.replies.data() + connection.sent,
                                    connection.replies.size() - connection.sent, MSG_NOSIGNAL);
        if (sent > 0) connection.sent += static_cast<std::size_t>(sent);
        const bool is_done = connection.sent == connection.replies.size();
        if (is_done) {
            connection.replies.clear();
            connection.sent = 0;
        }
        if (connection.waits_to_write == is_done) {
            connection.waits_to_write = !is_done;
            watch(connection.fd, &connection, EPOLL_CTL_MOD);
        }
    }

    int listener_, epoll_;
    static constexpr std::size_t large_bytes = 16 * 1024;
    std::array<char, 272 * 1024> buffer_{};
    std::string scratch_;
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fputs("usage: bare_epoll PORT\n", stderr);
        return 2;
    }
    const auto server = std::make_unique<Server>(static_cast<std::uint16_t>(std::stoul(argv[1])));
    server->run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "bare_epoll: %s\n", error.what());
    return 1;
}
