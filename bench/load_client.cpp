// The load of bench/ on a WebSocket echo server at 127.0.0.1. It uses one thread, epoll, and io_uring if the kernel has
// it: client and server have one core each, and the client must not be the slower of the two.
//
//   load_client [--tls | --deflate] echo PORT CONNECTIONS IN_FLIGHT TEXT_BYTES WARM_UP_S SECONDS
//                                          prints "begin", then "end MESSAGES SECONDS CPU_SECONDS"
//   load_client [--tls] idle PORT CONNECTIONS ADDRESSES
//                                          prints "ready", waits for the end of stdin, prints "open COUNT"
//
// --tls: over TLS 1.3.
// --deflate: JSON, with permessage-deflate and no context takeover. TEXT_BYTES is then the size of the reply's text. At
// the end it also prints "deflate PAYLOAD_BYTES ZLIB_BYTES EXTENSIONS": the size of all compressed replies, what zlib's
// level 6 makes of their texts, and what the server has answered to the offer.
//
// Every octet that comes back is compared with the expected one. A wrong, late or surplus reply ends the run with
// status 1, as does a server that does not compress. The client shares no code with the project, so that no bug can
// cancel out.
#include <arpa/inet.h>
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
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load_client_kernel.hpp"
#include "load_client_ring.hpp"
#include "load_client_tls.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_text_bytes = 1 << 20;  // the default limit of the servers
constexpr int stall_s = 10;
constexpr unsigned longest_run_s = 300;
constexpr std::size_t max_connections = 60'000;

enum class Over { tcp, tls, deflate };

struct Connection {
    int fd = -1;
    std::size_t next_message = 0;             // to be added to what is sent: its number in the ring
    std::size_t send_at = 0, receive_at = 0;  // positions in the rings
    std::size_t unsent = 0;                   // octets; with TLS, of ciphertext
    std::size_t awaited = 0;                  // replies
    DeflatedReplies::Position deflated;       // instead of receive_at
    bool waits_to_write = false;
    std::unique_ptr<TlsClient> tls;  // null without TLS
};

class Load {
public:
    Load(std::uint16_t port, Over over, std::size_t connections, std::size_t text_bytes, unsigned addresses)
        : port_(port), over_(over), connections_(connections), ring_(text_bytes, over == Over::deflate) {
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
        if (over_ == Over::deflate)
            std::printf("deflate %llu %llu %s\n", static_cast<unsigned long long>(deflated_.payload_bytes()),
                        static_cast<unsigned long long>(deflated_.zlib_bytes()), extensions_.c_str());
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
        if (over_ == Over::tls) shake_hands(connection);
        upgrade(connection);
    }

    static void shake_hands(Connection& connection) {
        connection.tls = std::make_unique<TlsClient>();
        std::array<char, 4096> part{};
        std::string_view received;
        while (true) {
            const bool is_complete = connection.tls->shake_hands(received);
            if (!connection.tls->to_send().empty()) send_ciphertext(connection);
            if (is_complete) return;
            received = receive_some(connection.fd, part);
        }
    }

    void upgrade(Connection& connection) {
        std::string request =
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
        if (over_ == Over::deflate) request.append("Sec-WebSocket-Extensions: ").append(deflate_offer).append("\r\n");
        request += "\r\n";
        if (connection.tls) {
            connection.tls->encrypt(request);
            send_ciphertext(connection);
        } else {
            send_all(connection.fd, request);
        }
        std::string head;
        const auto add_to_head = [&head](std::string_view octets) { head.append(octets); };
        std::array<char, 2048> part{};
        while (!head.ends_with("\r\n\r\n")) {
            if (head.size() > part.size()) fail("the handshake ended after: " + head);
            const std::string_view received = receive_some(connection.fd, part);
            connection.tls ? connection.tls->decrypt(received, add_to_head) : add_to_head(received);
        }
        // The Sec-WebSocket-Accept for the key above (RFC 6455, 1.3).
        if (!head.starts_with("HTTP/1.1 101 ") || head.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == std::string::npos)
            fail("expected the handshake's 101, got: " + head);
        if (over_ == Over::deflate) extensions_ = negotiated_deflate(head);
    }

    static void send_all(int fd, std::string_view octets) {
        if (::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(octets.size()))
            fail_by_errno("send of a handshake");
    }

    static void send_ciphertext(Connection& connection) {
        send_all(connection.fd, connection.tls->to_send());
        connection.tls->to_send().clear();
    }

    // Waits for at least one octet.
    static std::string_view receive_some(int fd, std::span<char> room) {
        const ssize_t count = ::recv(fd, room.data(), room.size(), 0);
        if (count < 0) fail_by_errno("recv of a handshake");
        if (count == 0) fail("the server closed a connection during its handshake");
        return {room.data(), static_cast<std::size_t>(count)};
    }

    void watch(Connection& connection, int operation) {
        epoll_event event{};
        // Edge-triggered only if one read takes everything; otherwise epoll must report the rest again.
        event.events = EPOLLIN | (has_room_for_all_ ? EPOLLET : 0U) | (connection.waits_to_write ? EPOLLOUT : 0U);
        event.data.ptr = &connection;
        if (::epoll_ctl(epoll_, operation, connection.fd, &event) != 0) fail_by_errno("epoll_ctl");
    }

    void add_messages(Connection& connection, std::size_t count) const {
        const std::size_t octets = ring_.bytes_of(connection.next_message, count);
        advance(connection.next_message, count, ring_.messages);
        connection.awaited += count;
        if (connection.tls && count > 0) {
            connection.tls->encrypt(std::string_view(ring_.frames).substr(connection.send_at, octets));
            connection.unsent = connection.tls->to_send().size();
            advance(connection.send_at, octets, ring_.frames_bytes());
        } else {
            connection.unsent += octets;
        }
    }

    // Moves a position in one of the rings.
    static void advance(std::size_t& position, std::size_t count, std::size_t ring_size) {
        position = (position + count) % ring_size;
    }

    [[nodiscard]] Call sending(const Connection& connection) {
        char* const frames = ring_.frames.data() + connection.send_at;
        return {.is_send = true,
                .fd = connection.fd,
                .data = connection.tls ? connection.tls->to_send().data() : frames,
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
        if (connection.tls) {
            connection.tls->to_send().erase(0, count);
        } else {
            advance(connection.send_at, count, ring_.frames_bytes());
        }
        if (connection.waits_to_write != (connection.unsent > 0)) {
            connection.waits_to_write = connection.unsent > 0;
            watch(connection, EPOLL_CTL_MOD);
        }
    }

    // Returns how many replies are now complete.
    std::size_t received(Connection& connection, const char* octets, ssize_t result) {
        if (result == -EAGAIN) return 0;
        if (result < 0) fail_by("recv", result);
        if (result == 0) fail("the server closed a connection");
        const std::string_view all(octets, static_cast<std::size_t>(result));
        std::size_t whole = 0;
        if (connection.tls) {
            connection.tls->decrypt(all, [&](std::string_view plain) { whole += compare(connection, plain); });
        } else if (over_ == Over::deflate) {
            whole = deflated_.take(connection.deflated, all);
        } else {
            whole = compare(connection, all);
        }
        if (whole > connection.awaited) fail("more came back than was sent");
        connection.awaited -= whole;
        if (connection.awaited == 0 && !connection.deflated.partial.empty()) fail("more came back than was sent");
        return whole;
    }

    // Returns how many replies the octets complete.
    std::size_t compare(Connection& connection, std::string_view octets) const {
        if (octets.size() > connection.awaited * ring_.reply_bytes - connection.receive_at % ring_.reply_bytes)
            fail("more came back than was sent");
        if (octets != std::string_view(ring_.replies).substr(connection.receive_at, octets.size()))
            fail("a reply is not the echo of its message");
        const std::size_t whole = (connection.receive_at % ring_.reply_bytes + octets.size()) / ring_.reply_bytes;
        advance(connection.receive_at, octets.size(), ring_.messages * ring_.reply_bytes);
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
            if (result < 0 ? errno == EAGAIN : result > 0 && is_ping(connection, result)) ++count;
        }
        return count;
    }

    [[nodiscard]] bool is_ping(const Connection& connection, ssize_t result) const {
        std::string octets(buffers_.data(), static_cast<std::size_t>(result));
        if (connection.tls) {
            const std::string ciphertext = std::exchange(octets, {});
            connection.tls->decrypt(ciphertext, [&](std::string_view plain) { octets.append(plain); });
        }
        return octets.starts_with('\x89');
    }

    std::uint16_t port_;
    Over over_;
    std::vector<Connection> connections_;
    Ring ring_;
    DeflatedReplies deflated_{ring_.reply_texts};
    std::string extensions_;  // what the server has answered to the offer of compression
    // The size of one read: everything that can be due, up to a maximum.
    static constexpr std::size_t max_buffer_bytes = 128 * 1024;
    static constexpr std::size_t max_record_overhead = 64;  // head and tag of a record, of a small message
    std::size_t due_bytes_ = ring_.messages * (ring_.reply_bytes + (over_ == Over::tls ? max_record_overhead : 0));
    std::size_t buffer_bytes_ = std::min(due_bytes_, max_buffer_bytes);
    bool has_room_for_all_ = over_ == Over::tcp && buffer_bytes_ == due_bytes_;
    std::vector<char> buffers_ = std::vector<char>(Kernel::max_calls * buffer_bytes_);  // one per call of a batch
    std::array<epoll_event, Kernel::max_calls> events_{};
    std::vector<Call> calls_;
    std::vector<Connection*> senders_;
    Kernel kernel_;
    int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    Over over = Over::tcp;
    if (!arguments.empty() && arguments[0] == "--tls") over = Over::tls;
    if (!arguments.empty() && arguments[0] == "--deflate") over = Over::deflate;
    if (over != Over::tcp) arguments.erase(arguments.begin());
    const std::string mode = arguments.empty() ? "" : arguments[0];
    const bool is_idle = mode == "idle" && arguments.size() == 4 && over != Over::deflate;
    if (!is_idle && !(mode == "echo" && arguments.size() == 7)) {
        std::fputs(
            "usage: load_client [--tls | --deflate] echo PORT CONNECTIONS IN_FLIGHT TEXT_BYTES WARM_UP_S SECONDS\n"
            "       load_client [--tls] idle PORT CONNECTIONS ADDRESSES\n",
            stderr);
        return 2;
    }
    ::alarm(longest_run_s);
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const auto port = static_cast<std::uint16_t>(std::stoul(arguments[1]));
    const std::size_t connections = std::stoul(arguments[2]);
    if (mode == "echo") {
        const std::size_t text_bytes = std::stoul(arguments[4]);
        const std::size_t least = over == Over::deflate ? min_json_bytes + reply_prefix.size() : small_text_bytes;
        if (text_bytes < least || text_bytes + reply_prefix.size() > max_text_bytes)
            fail("expected texts of " + std::to_string(least) + " to 1,048,570 octets");
        Load(port, over, connections, text_bytes, 1)
            .echo(std::stoul(arguments[3]), std::stod(arguments[5]), std::stod(arguments[6]));
    } else {
        Load(port, over, connections, small_text_bytes, static_cast<unsigned>(std::stoul(arguments[3]))).idle();
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "load_client: %s\n", error.what());
    return 1;
}
