// The load of bench/ on a WebSocket echo server at 127.0.0.1. It uses one thread, epoll, and io_uring if the kernel has
// it: client and server have one core each, and the client must not be the slower of the two.
//
//   load_client echo PORT CONNECTIONS IN_FLIGHT TEXT_BYTES WARM_UP_S SECONDS
//                                          prints "begin", then "end MESSAGES SECONDS CPU_SECONDS"
//   load_client idle PORT CONNECTIONS ADDRESSES
//                                          prints "ready", waits for the end of stdin, prints "open COUNT"
//
// Every octet that comes back is compared with the expected one. A wrong, late or surplus reply ends the run with
// status 1. The client shares no code with the project, so that no bug can cancel out.
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t small_text_bytes = 20;
constexpr std::size_t max_text_bytes = 1 << 20;  // the default limit of the servers
constexpr std::string_view reply_prefix = "Echo: ";
constexpr std::size_t max_ring_messages = 128, min_ring_messages = 4, ring_text_bytes = 4 << 20;
constexpr int stall_s = 10;
constexpr unsigned longest_run_s = 300;
constexpr std::size_t max_connections = 60'000;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}
[[noreturn]] void fail_by_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void fail_by(const char* what, ssize_t result) {
    throw std::system_error(static_cast<int>(-result), std::generic_category(), what);
}

// The frames to send and the expected replies, each twice in a row, so that any range of up to one ring's length is
// contiguous. The messages are numbered, so that a lost or swapped reply is noticed.
struct Ring {
    std::size_t messages, frame_bytes, reply_bytes;
    std::string frames, replies;

    explicit Ring(std::size_t text_bytes)
        : messages(std::clamp(ring_text_bytes / text_bytes, min_ring_messages, max_ring_messages)) {
        for (std::size_t i = 0; i < 2 * messages; ++i) add(i % messages, text_bytes);
        frame_bytes = frames.size() / (2 * messages);
        reply_bytes = replies.size() / (2 * messages);
    }

    void add(std::size_t number, std::size_t text_bytes) {
        std::array<char, small_text_bytes + 1> begin{};
        std::snprintf(begin.data(), begin.size(), "twenty octets of %03u", static_cast<unsigned>(number % 1000));
        std::string text(begin.data(), small_text_bytes);
        while (text.size() < text_bytes) text += static_cast<char>(' ' + (text.size() * 7 + number) % 95);
        const std::uint32_t mask = 0x9E3779B9U * static_cast<std::uint32_t>(number + 1);
        std::array<char, 4> key{};
        std::memcpy(key.data(), &mask, key.size());
        add_head(frames, text_bytes, true);
        frames.append(key.data(), key.size());
        for (std::size_t i = 0; i < text_bytes; ++i) frames += static_cast<char>(text[i] ^ key[i % 4]);
        add_head(replies, reply_prefix.size() + text_bytes, false);
        replies += reply_prefix;
        replies += text;
    }

    // RFC 6455, 5.2
    static void add_head(std::string& out, std::size_t length, bool is_masked) {
        const unsigned mask_bit = is_masked ? 0x80U : 0U;
        const std::size_t length_octets = length < 126 ? 0 : length < 65536 ? 2 : 8;
        out += '\x81';
        out += static_cast<char>(mask_bit | (length_octets == 0 ? length : length_octets == 2 ? 126 : 127));
        for (std::size_t i = length_octets; i-- > 0;) out += static_cast<char>(length >> (8 * i));
    }
};

struct Call {
    bool is_send = false;
    int fd = -1;
    void* data = nullptr;
    std::size_t size = 0;
    ssize_t result = 0;  // octets, or a negative error number

    void carry_out() {
        result = is_send ? ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : ::recv(fd, data, size, MSG_DONTWAIT);
        if (result < 0) result = -errno;
    }
};

// Runs many nonblocking calls in one system call.
class Kernel {
public:
    static constexpr unsigned max_calls = 256;

    Kernel() : has_ring_(::io_uring_queue_init(max_calls, &ring_, IORING_SETUP_SUBMIT_ALL) == 0) {}
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel() {
        if (has_ring_) ::io_uring_queue_exit(&ring_);
    }

    void carry_out(std::span<Call> calls) {
        if (!has_ring_ || calls.size() < 3) {
            for (Call& call : calls) call.carry_out();
            return;
        }
        for (Call& call : calls) {
            io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
            if (call.is_send) {
                ::io_uring_prep_send(entry, call.fd, call.data, call.size, MSG_DONTWAIT | MSG_NOSIGNAL);
            } else {
                ::io_uring_prep_recv(entry, call.fd, call.data, call.size, MSG_DONTWAIT);
            }
            ::io_uring_sqe_set_data(entry, &call);
        }
        const auto count = static_cast<unsigned>(calls.size());
        if (::io_uring_submit_and_wait(&ring_, count) != static_cast<int>(count)) fail("io_uring took not all calls");
        for (unsigned i = 0; i < count; ++i) {
            io_uring_cqe* done = nullptr;
            if (::io_uring_wait_cqe(&ring_, &done) != 0) fail("io_uring lost a call");
            static_cast<Call*>(::io_uring_cqe_get_data(done))->result = done->res;
            ::io_uring_cqe_seen(&ring_, done);
        }
    }

private:
    io_uring ring_{};
    bool has_ring_;
};

struct Connection {
    int fd = -1;
    std::size_t send_at = 0, receive_at = 0;  // positions in the rings
    std::size_t unsent = 0, awaited = 0;      // octets
    bool waits_to_write = false;
};

class Load {
public:
    Load(std::uint16_t port, std::size_t connections, std::size_t text_bytes, unsigned addresses)
        : port_(port), connections_(connections), ring_(text_bytes) {
        if (connections == 0 || connections > max_connections) fail("expected 1 to 60000 connections");
        for (std::size_t i = 0; i < connections; ++i) open(connections_[i], addresses > 1 ? 1 + i % addresses : 0);
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() {
        // Close with a reset: otherwise thousands of ports in TIME_WAIT would be unavailable in the next round.
        const linger reset{1, 0};
        for (const Connection& connection : connections_) {
            if (connection.fd < 0) continue;
            ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            ::close(connection.fd);
        }
        if (epoll_ >= 0) ::close(epoll_);
    }

    // Keeps `in_flight` messages in flight on every connection.
    void echo(std::size_t in_flight, double warm_up_s, double seconds) {
        if (in_flight == 0 || in_flight > ring_.messages)
            fail("expected 1 to " + std::to_string(ring_.messages) + " messages of that size in flight");
        epoll_ = ::epoll_create1(0);
        if (epoll_ < 0) fail_by_errno("epoll_create1");
        for (Connection& connection : connections_) {
            watch(connection, EPOLL_CTL_ADD);
            add_messages(connection, in_flight);
            send_alone(connection);
        }
        run(warm_up_s);
        std::puts("begin");
        const double cpu_before = cpu_s();
        const auto begin = Clock::now();
        const std::uint64_t messages = run(seconds);
        const double took_s = std::chrono::duration<double>(Clock::now() - begin).count();
        std::printf("end %llu %.6f %.6f\n", static_cast<unsigned long long>(messages), took_s, cpu_s() - cpu_before);
    }

    // Echoes one message on every connection, then sends nothing until stdin ends.
    void idle() {
        for (Connection& connection : connections_) {
            add_messages(connection, 1);
            send_alone(connection);
            while (connection.awaited > 0) {
                const ssize_t count = ::recv(connection.fd, buffers_.data(), buffer_bytes_, 0);
                received(connection, buffers_.data(), count < 0 ? -errno : count);
            }
        }
        std::puts("ready");
        while (std::getchar() != EOF) {
        }
        std::printf("open %zu\n", count_open());
    }

private:
    static double cpu_s() {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }

    // Connects from 127.0.0.`source`; if it is 0, the kernel chooses the address.
    void open(Connection& connection, std::size_t source) {
        connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection.fd < 0) fail_by_errno("socket");
        const int on = 1;
        const timeval patience{stall_s, 0};
        ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        if (source != 0) {
            ::setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(source) - 1);
            if (::bind(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
                fail_by_errno("bind");
        }
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            fail_by_errno("connect");
        upgrade(connection.fd);
    }

    static void upgrade(int fd) {
        static const std::string request =
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
            fail_by_errno("send of a handshake");
        std::string head;
        std::array<char, 2048> part{};
        while (!head.ends_with("\r\n\r\n")) {
            const ssize_t count = ::recv(fd, part.data(), part.size(), 0);
            if (count < 0) fail_by_errno("recv of a handshake");
            if (count == 0 || head.size() > part.size()) fail("the handshake ended after: " + head);
            head.append(part.data(), static_cast<std::size_t>(count));
        }
        // The Sec-WebSocket-Accept for the key above (RFC 6455, 1.3).
        if (!head.starts_with("HTTP/1.1 101 ") || head.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == std::string::npos)
            fail("expected the handshake's 101, got: " + head);
    }

    void watch(Connection& connection, int operation) {
        epoll_event event{};
        // Edge-triggered only if one read takes everything; otherwise epoll must report the rest again.
        event.events = EPOLLIN | (has_room_for_all_ ? EPOLLET : 0U) | (connection.waits_to_write ? EPOLLOUT : 0U);
        event.data.ptr = &connection;
        if (::epoll_ctl(epoll_, operation, connection.fd, &event) != 0) fail_by_errno("epoll_ctl");
    }

    void add_messages(Connection& connection, std::size_t count) const {
        connection.unsent += count * ring_.frame_bytes;
        connection.awaited += count * ring_.reply_bytes;
    }

    [[nodiscard]] Call sending(const Connection& connection) {
        return {.is_send = true,
                .fd = connection.fd,
                .data = ring_.frames.data() + connection.send_at,
                .size = connection.unsent};
    }

    void send_alone(Connection& connection) {
        Call call = sending(connection);
        call.carry_out();
        sent(connection, call.result);
    }

    void sent(Connection& connection, ssize_t result) {
        if (result < 0 && result != -EAGAIN) fail_by("send", result);
        const std::size_t count = result < 0 ? 0 : static_cast<std::size_t>(result);
        connection.unsent -= count;
        connection.send_at = (connection.send_at + count) % (ring_.messages * ring_.frame_bytes);
        if (connection.waits_to_write != (connection.unsent > 0)) {
            connection.waits_to_write = connection.unsent > 0;
            watch(connection, EPOLL_CTL_MOD);
        }
    }

    // Returns how many replies are now complete.
    std::size_t received(Connection& connection, const char* octets, ssize_t result) const {
        if (result == -EAGAIN) return 0;
        if (result < 0) fail_by("recv", result);
        if (result == 0) fail("the server closed a connection");
        const auto count = static_cast<std::size_t>(result);
        if (count > connection.awaited) fail("more came back than was sent");
        if (std::memcmp(octets, ring_.replies.data() + connection.receive_at, count) != 0)
            fail("a reply is not the echo of its message");
        const std::size_t whole = (connection.receive_at % ring_.reply_bytes + count) / ring_.reply_bytes;
        connection.awaited -= count;
        connection.receive_at = (connection.receive_at + count) % (ring_.messages * ring_.reply_bytes);
        return whole;
    }

    // Returns how many replies arrived.
    std::uint64_t run(double seconds) {
        std::uint64_t messages = 0;
        const auto until = Clock::now() + std::chrono::duration<double>(seconds);
        while (Clock::now() < until) {
            const int ready = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), stall_s * 1000);
            if (ready < 0 && errno != EINTR) fail_by_errno("epoll_wait");
            if (ready == 0) fail("no reply for " + std::to_string(stall_s) + " s");
            if (ready > 0) messages += answer(std::span(events_).first(static_cast<std::size_t>(ready)));
        }
        return messages;
    }

    // Receives from all ready connections, then sends on all that have something to send.
    std::uint64_t answer(std::span<const epoll_event> ready) {
        std::uint64_t messages = 0;
        const auto connection_of = [](const epoll_event& event) { return static_cast<Connection*>(event.data.ptr); };
        calls_.clear();
        for (const epoll_event& event : ready) {
            char* buffer = buffers_.data() + calls_.size() * buffer_bytes_;
            calls_.push_back({.fd = connection_of(event)->fd, .data = buffer, .size = buffer_bytes_});
        }
        kernel_.carry_out(calls_);
        for (std::size_t i = 0; i < ready.size(); ++i) {
            Connection& connection = *connection_of(ready[i]);
            const std::size_t whole = received(connection, buffers_.data() + i * buffer_bytes_, calls_[i].result);
            messages += whole;
            add_messages(connection, whole);
        }
        calls_.clear();
        senders_.clear();
        for (const epoll_event& event : ready) {
            if (connection_of(event)->unsent == 0) continue;
            senders_.push_back(connection_of(event));
            calls_.push_back(sending(*senders_.back()));
        }
        kernel_.carry_out(calls_);
        for (std::size_t i = 0; i < senders_.size(); ++i) sent(*senders_[i], calls_[i].result);
        return messages;
    }

    // Counts the connections that the server has not closed. A ping may have arrived; answering it this late is
    // pointless.
    std::size_t count_open() {
        std::size_t count = 0;
        for (const Connection& connection : connections_) {
            const ssize_t result = ::recv(connection.fd, buffers_.data(), buffer_bytes_, MSG_DONTWAIT);
            if (result < 0 ? errno == EAGAIN : result > 0 && buffers_[0] == '\x89') ++count;
        }
        return count;
    }

    std::uint16_t port_;
    std::vector<Connection> connections_;
    Ring ring_;
    // The size of one read: everything that can be due, up to a maximum.
    static constexpr std::size_t max_buffer_bytes = 128 * 1024;
    std::size_t buffer_bytes_ = std::min(ring_.messages * ring_.reply_bytes, max_buffer_bytes);
    bool has_room_for_all_ = buffer_bytes_ == ring_.messages * ring_.reply_bytes;
    std::vector<char> buffers_ = std::vector<char>(Kernel::max_calls * buffer_bytes_);  // one per call of a batch
    std::array<epoll_event, Kernel::max_calls> events_{};
    std::vector<Call> calls_;
    std::vector<Connection*> senders_;
    Kernel kernel_;
    int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) try {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (!(mode == "echo" && argc == 8) && !(mode == "idle" && argc == 5)) {
        std::fputs(
            "usage: load_client echo PORT CONNECTIONS IN_FLIGHT TEXT_BYTES WARM_UP_S SECONDS\n"
            "       load_client idle PORT CONNECTIONS ADDRESSES\n",
            stderr);
        return 2;
    }
    ::alarm(longest_run_s);
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const auto port = static_cast<std::uint16_t>(std::stoul(argv[2]));
    if (mode == "echo") {
        const std::size_t text_bytes = std::stoul(argv[5]);
        if (text_bytes < small_text_bytes || text_bytes + reply_prefix.size() > max_text_bytes)
            fail("expected texts of 20 to 1,048,570 octets");
        Load(port, std::stoul(argv[3]), text_bytes, 1)
            .echo(std::stoul(argv[4]), std::stod(argv[6]), std::stod(argv[7]));
    } else {
        Load(port, std::stoul(argv[3]), small_text_bytes, static_cast<unsigned>(std::stoul(argv[4]))).idle();
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "load_client: %s\n", error.what());
    return 1;
}
