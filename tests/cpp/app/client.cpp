#include "client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace proapi::test {

namespace {

constexpr int deadline_s = 20;

}  // namespace

Client::Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{.tv_sec = deadline_s, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("can't connect: " + std::generic_category().message(errno));
}

Client::Client(std::uint16_t port, const std::string& target, const std::string& headers) : Client(port) {
    write_handshake(target, headers);
    read_head();
}

void Client::write_handshake(const std::string& target, const std::string& headers) {
    write("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + headers + "\r\n");
}

Client::~Client() {
    ::close(socket_);
}

void Client::write(std::string_view octets) {
    while (!octets.empty()) {
        const ssize_t count = ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (count <= 0) throw std::runtime_error("can't send");
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
}

bool Client::fill() {
    char part[65536];
    const ssize_t count = ::recv(socket_, part, sizeof part, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("nothing came in time");
    // No end of the stream: a signal, or what the kernel does for an io_uring of this thread.
    if (count < 0 && errno == EINTR) throw std::runtime_error("recv() was interrupted");
    if (count <= 0) return false;
    buffer_.append(part, static_cast<std::size_t>(count));
    return true;
}

std::string Client::take(std::size_t count) {
    while (buffer_.size() < count)
        if (!fill()) throw std::runtime_error("the stream has ended");
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
}

void Client::read_head() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
        if (!fill()) throw std::runtime_error("the stream has ended before the head's end");
    head_ = take(end + 4);
    status_ = std::stoi(head_.substr(9, 3));
}

void Client::read_until(std::string_view mark) {
    std::size_t end = 0;
    while ((end = buffer_.find(mark)) == std::string::npos)
        if (!fill()) throw std::runtime_error("the stream has ended before what the test waits for");
    static_cast<void>(take(end + mark.size()));
}

std::string Client::read_response() {
    read_head();
    constexpr std::string_view field = "Content-Length: ";
    const std::size_t at = head_.find(field);
    if (at != std::string::npos) return head_ + take(std::stoul(head_.substr(at + field.size())));
    while (fill()) continue;
    return head_ + std::exchange(buffer_, {});
}

void Client::send(std::string_view payload, int opcode) {
    std::string frame(1, static_cast<char>(0x80 | opcode));
    const std::size_t size = payload.size();
    const int length_octets = size < 126 ? 0 : size < 65536 ? 2 : 8;
    frame += static_cast<char>(0x80 | (length_octets == 0 ? size : length_octets == 2 ? 126 : 127));
    for (int i = length_octets - 1; i >= 0; --i) frame += static_cast<char>((size >> (8 * i)) & 0xFF);
    constexpr char mask[] = "\x37\xfa\x21\x3d";
    frame.append(mask, 4);
    for (std::size_t i = 0; i < size; ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
    write(frame);
}

int Client::Frame::close_code() const {
    if (opcode != 8) throw std::runtime_error("expected a Close frame");
    if (payload.size() < 2) return 1005;
    return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

Client::Frame Client::read() {
    const std::string start = take(2);
    std::size_t size = static_cast<unsigned char>(start[1]);
    if (size >= 126) {
        const std::string length = take(size == 126 ? 2 : 8);
        size = 0;
        for (const char octet : length) size = size * 256 + static_cast<unsigned char>(octet);
    }
    return {static_cast<unsigned char>(start[0]) & 15, take(size)};
}

std::string Client::read_text() {
    Frame frame = read();
    if (frame.opcode != 1) throw std::runtime_error("expected a text, got opcode " + std::to_string(frame.opcode));
    return std::move(frame.payload);
}

int Client::read_close() {
    while (true) {
        const Frame frame = read();
        if (frame.opcode == 8) return frame.close_code();
    }
}

void Client::finish(int code) {
    const char payload[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    send({payload, 2}, 8);
    while (fill()) continue;
    ::shutdown(socket_, SHUT_WR);  // the server waits for it before it forgets the connection
}

void Client::end_sending() {
    ::shutdown(socket_, SHUT_WR);
}

void Client::reset() {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(std::exchange(socket_, -1));
}

void Client::shrink_receive_buffer() {
    const int size = 4096;
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

std::string request(std::uint16_t port, const std::string& method, const std::string& target, const std::string& body,
                    const std::string& headers) {
    Client client(port);
    client.write(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
    return client.read_response();
}

std::string get_body(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
}
int status_of(const std::string& response) {
    return std::stoi(response.substr(9, 3));
}

bool includes(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "none";
}

std::string error_on_another_thread(const std::function<void()>& call) {
    std::string text;
    std::thread([&] { text = error_of(call); }).join();
    return text;
}

void add_waiting_handler(ProAPI& app, std::promise<WebSocketConnection>& opened) {
    app.websocket("/", [&opened](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        opened.set_value(websocket);
        co_await websocket.receive_text();
    });
}

void run_in_handler(std::function<Task<>()> body) {
    ProAPI app;
    std::exception_ptr thrown;
    app.get("/run", [&]() -> Task<std::string> {
        try {
            co_await body();
        } catch (...) {
            thrown = std::current_exception();
        }
        co_return "over";
    });
    {
        const RunningServer server = app.start({.port = 0});
        if (get_body(request(server.port(), "GET", "/run")) != "over") throw std::runtime_error("the handler failed");
    }
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace proapi::test
