// What an echo costs on this machine at the least: epoll, recv, send, and as little as possible between them.
//
//   bare_epoll PORT
//
// No server: it believes every peer, expects each message whole in one read, in frames of less than 126 octets, and
// ends at the first surprise. It shares no code with the project.
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
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

// For the key that bench/load_client sends (RFC 6455, 1.3).
constexpr std::string_view handshake =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
constexpr std::string_view reply_prefix = "Echo: ";

struct Connection {
    int fd = -1;
    bool is_open = false;
    std::string replies;
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
                auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (connection == nullptr)
                    accept();
                else if (read(*connection))
                    answered.push_back(connection);
            }
            for (Connection* connection : answered) write(*connection);
            answered.clear();
        }
    }

private:
    void watch(int fd, Connection* connection) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = connection;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_by_errno("epoll_ctl");
    }

    void accept() const {
        auto connection = std::make_unique<Connection>();
        connection->fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
        if (connection->fd < 0) fail_by_errno("accept4");
        const int on = 1;
        ::setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(connection->fd, connection.get());
        connection.release();  // until its peer goes
    }

    // False: nothing to answer, or the connection is gone.
    bool read(Connection& connection) {
        const ssize_t received = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
        if (received < 0 && errno == EAGAIN) return false;
        if (received <= 0) {
            ::close(connection.fd);
            delete &connection;
            return false;
        }
        const std::string_view octets(buffer_.data(), static_cast<std::size_t>(received));
        if (connection.is_open)
            echo(octets, connection.replies);
        else
            connection.replies = handshake;
        connection.is_open = true;
        return true;
    }

    static void echo(std::string_view frames, std::string& replies) {
        constexpr std::size_t head_bytes = 2 + 4;
        while (!frames.empty()) {
            const std::size_t length = static_cast<unsigned char>(frames[1]) & 0x7FU;
            if (length > 125 || frames.size() < head_bytes + length) throw std::runtime_error("a message in parts");
            replies += '\x81';
            replies += static_cast<char>(reply_prefix.size() + length);
            replies += reply_prefix;
            for (std::size_t i = 0; i < length; ++i)
                replies += static_cast<char>(frames[head_bytes + i] ^ frames[2 + i % 4]);
            frames.remove_prefix(head_bytes + length);
        }
    }

    static void write(Connection& connection) {
        const ssize_t sent = ::send(connection.fd, connection.replies.data(), connection.replies.size(), MSG_NOSIGNAL);
        if (sent >= 0 && static_cast<std::size_t>(sent) != connection.replies.size())
            throw std::runtime_error("a peer that does not read");
        connection.replies.clear();
    }

    int listener_, epoll_;
    std::array<char, 65'536> buffer_{};
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
