// A WebSocket and HTTP client for tests, independent of the engine: blocking sockets on loopback, one frame per
// message, and a deadline on everything. Also the harness that runs a coroutine where handlers run.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <proapi/proapi.hpp>
#include <string>
#include <string_view>

namespace proapi::test {

// Throws std::runtime_error where the peer does not do what the call waits for.
class Client {
public:
    explicit Client(std::uint16_t port);
    // Connects and sends the handshake; gives the status.
    Client(std::uint16_t port, const std::string& target, const std::string& headers = "");
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    void write(std::string_view octets);
    // Of a WebSocket; its answer is not waited for.
    void write_handshake(const std::string& target, const std::string& headers = "");
    // A whole response with Content-Length or until the end; gives status line, head and body.
    [[nodiscard]] std::string read_response();
    // The next response's head alone, for status() and head().
    void read_head();
    // Up to and including `mark`.
    void read_until(std::string_view mark);
    [[nodiscard]] int status() const { return status_; }
    [[nodiscard]] const std::string& head() const { return head_; }

    void send(std::string_view payload, int opcode = 1);
    struct Frame {
        int opcode = 0;
        std::string payload;
        [[nodiscard]] int close_code() const;
    };
    [[nodiscard]] Frame read();
    [[nodiscard]] std::string read_text();
    // Reads up to the Close frame; gives its code.
    [[nodiscard]] int read_close();
    // Answers the server's Close and waits for the end of the stream.
    void finish(int code = 1000);
    void reset();
    void end_sending();
    void shrink_receive_buffer();

private:
    [[nodiscard]] std::string take(std::size_t count);
    bool fill();

    int socket_ = -1;
    int status_ = 0;
    std::string head_, buffer_;
};

// GET `target`, or another method with a body; gives the response as it came.
[[nodiscard]] std::string request(std::uint16_t port, const std::string& method, const std::string& target,
                                  const std::string& body = "", const std::string& headers = "");
[[nodiscard]] std::string get_body(const std::string& response);
[[nodiscard]] int status_of(const std::string& response);

[[nodiscard]] bool includes(const std::string& text, const std::string& part);

// What the exception says that leaves `call`; "none" where none does.
[[nodiscard]] std::string error_of(const std::function<void()>& call);
// The same, called on a thread of its own.
[[nodiscard]] std::string error_on_another_thread(const std::function<void()>& call);

// Adds a WebSocket at "/" whose handler accepts, sets `opened` to its connection and waits for a message.
void add_waiting_handler(ProAPI& app, std::promise<WebSocketConnection>& opened);

// Runs `body` in a handler of a server of its own, and rethrows what leaves it.
void run_in_handler(std::function<Task<>()> body);

}  // namespace proapi::test
