// A server without a port: its clients are the other ends of transports in memory. Nothing happens outside of turns.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/memory_transport.hpp"
#include "server/server.hpp"
#include "service/exchange.hpp"
#include "service/websocket.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::server::test {

// The client's end. It keeps what arrives.
class MemoryClient final : private net::TransportHandler {
public:
    explicit MemoryClient(std::unique_ptr<net::MemoryTransport> transport) : transport_(std::move(transport)) {
        transport_->start(*this);
        transport_->start_reading();
    }

    // The transport takes all octets unless the connection is lost: its buffers have room for what the tests send.
    void send(std::string_view octets) {
        const base::Bytes bytes = base::as_bytes(octets);
        const net::WriteResult result = transport_->write({&bytes, 1});
        EXPECT_TRUE(result.error != 0 || result.written == octets.size());
    }
    [[nodiscard]] net::MemoryTransport& transport() noexcept { return *transport_; }
    // Returns what has arrived, with each Date the same, even if it is cut off.
    [[nodiscard]] std::string received() const {
        constexpr std::string_view name = "Date: ";
        constexpr std::size_t value_size = 29;
        std::string text = received_;
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
            const std::size_t value = at + name.size();
            const std::size_t size = std::min(value_size, text.size() - value);
            text.replace(value, size, size, '-');
        }
        return text;
    }
    void forget_received() { received_.clear(); }
    // Whether the server has ended its side, or the connection is lost (an errno).
    [[nodiscard]] bool has_ended() const noexcept { return end_error_.has_value(); }
    [[nodiscard]] std::optional<int> end_error() const noexcept { return end_error_; }

private:
    void on_read(base::MutableBytes bytes) override { received_.append(base::as_text(bytes)); }
    void on_peer_finished() override {}
    void on_read_end(int error) override { end_error_ = error; }
    void on_write_done(const net::WriteResult&) override {}
    void on_written(std::size_t) override {}
    void on_lost(int error) override { end_error_ = error; }

    std::unique_ptr<net::MemoryTransport> transport_;
    std::string received_;
    std::optional<int> end_error_;
};

// The handler of one WebSocket: accepts, echoes, and counts how often it is told of the end.
class EchoHandler final : private service::Receiver {
public:
    explicit EchoHandler(base::IntrusivePtr<service::WebSocket> its_websocket) : websocket(std::move(its_websocket)) {}
    ~EchoHandler() { websocket->cancel_receive(*this); }

    void run() {
        while (true) {
            const auto received = websocket->try_receive();
            if (!received) return on_end();
            if (!*received) return websocket->wait_message(*this);
            echo((*received)->view());
        }
    }

    const base::IntrusivePtr<service::WebSocket> websocket;
    int ends = 0;

private:
    void on_message(service::MessageView message) override {
        echo(message);
        run();
    }
    void on_end() override { ++ends; }
    void echo(service::MessageView message) { EXPECT_TRUE(websocket->send(message.kind, message.payload)); }
};

// Waits for the end of an exchange that it does not answer.
class WaitingHandler final : private service::Waiter {
public:
    explicit WaitingHandler(base::IntrusivePtr<service::Exchange> its_exchange) : exchange(std::move(its_exchange)) {
        exchange->wait_end(*this);
    }

    const base::IntrusivePtr<service::Exchange> exchange;
    int ends = 0;

private:
    void on_ready() override { ++ends; }
};

// Answers requests with their target and body, and echoes messages, unless the test says otherwise.
class TestApplication final : public service::Application {
public:
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        const auto& head = exchange->request().head;
        requests.push_back(std::string(head.method) + " " + std::string(head.target));
        if (answer) return answer(*exchange);
        if (waits) return static_cast<void>(waiting.emplace_back(std::make_unique<WaitingHandler>(exchange)));
        EXPECT_TRUE(exchange->respond(200, {}, std::string(head.target) + " " + exchange->body()));
    }
    void on_websocket(base::IntrusivePtr<service::WebSocket> websocket) override {
        EchoHandler& handler = *echoing.emplace_back(std::make_unique<EchoHandler>(std::move(websocket)));
        if (!accepts) return;
        EXPECT_TRUE(handler.websocket->accept(std::nullopt, {}));
        handler.run();
    }

    std::vector<std::string> requests;
    std::function<void(service::Exchange&)> answer;
    bool waits = false, accepts = true;
    std::vector<std::unique_ptr<WaitingHandler>> waiting;
    std::vector<std::unique_ptr<EchoHandler>> echoing;
};

struct CollectedLog final : service::Log {
    void write(service::LogLevel, std::string_view line) override { lines.emplace_back(line); }
    [[nodiscard]] bool has(std::string_view part) const {
        for (const std::string& line : lines)
            if (line.find(part) != std::string::npos) return true;
        return false;
    }
    std::vector<std::string> lines;
};

class MemoryServer {
public:
    MemoryServer() {
        site.routes.emplace_back().kind = service::Route::Kind::websocket;
        site.routes.emplace_back();
        EXPECT_EQ(error_text(site.router.add(http::websocket_method, "/ws", 0)), "");
        EXPECT_EQ(error_text(site.router.add("POST", "/echo/{name}", 1)), "");
        EXPECT_EQ(error_text(site.router.add("GET", "/echo/{name}", 1)), "");
        start();
    }
    ~MemoryServer() { server.reset(); }

    // Starts a new server, with the site as it is now.
    void start() { server.emplace(reactor, site, application, log); }

    // `behaviour` and `failure` apply to the server's end.
    [[nodiscard]] std::unique_ptr<MemoryClient> connect(const net::MemoryBehaviour& behaviour = {},
                                                        net::MemoryFailure* failure = nullptr) {
        auto [ours, theirs] = net::MemoryTransport::make_pair(reactor);
        ours->set_behaviour(behaviour);
        ours->set_failure(failure);
        server->add(std::move(ours), {"192.0.2.7", 4242});
        return std::make_unique<MemoryClient>(std::move(theirs));
    }

    // Runs turns as long as there is work.
    void turns() {
        int left = 100'000;
        do {
            ASSERT_GT(--left, 0) << "the server always has more work";
            reactor.turn(net::Duration(0));
        } while (reactor.has_work());
    }
    // Runs turns until `done`, for at most ten seconds. For events that a time limit of the server causes.
    [[nodiscard]] bool turn_until(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            reactor.turn(net::Duration(50));
        }
        return true;
    }
    [[nodiscard]] std::uint64_t open() const { return server->counts().open; }

    net::Reactor reactor;
    service::Site site;
    CollectedLog log;
    TestApplication application;
    std::optional<Server> server;
};

[[nodiscard]] inline std::string request(std::string_view line, std::string_view fields = {},
                                         std::string_view body = {}) {
    return std::string(line) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

[[nodiscard]] inline std::string handshake() {
    return request("GET /ws",
                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n");
}

// Returns a client's frame of less than 126 octets, masked with zeros.
[[nodiscard]] inline std::string frame(std::uint8_t first_octet, std::string_view payload) {
    std::string octets{static_cast<char>(first_octet), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0};
    return octets.append(payload);
}

}  // namespace proapi::server::test
