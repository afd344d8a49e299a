// A carrier of exchanges without a socket: it records the calls made to it, and the test plays the client.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/exchange.hpp"
#include "service/service.hpp"
#include "service/websocket.hpp"

namespace proapi::service::test {

class FakeCarrier final : public ExchangeTransport, public WebSocketTransport {
public:
    // Returns an exchange of `request` that this carrier carries.
    base::IntrusivePtr<Exchange> open(RequestInfo request, Exchange::Body with = Exchange::Body::none) {
        exchange = base::IntrusivePtr<Exchange>(new Exchange(std::move(request), with, *this, 64, 16));
        return exchange;
    }

    // ExchangeTransport
    [[nodiscard]] bool has_body_arrived() const noexcept override { return has_arrived; }
    void start_body(std::uint64_t max_bytes) override {
        body_limit = max_bytes;
        if (announced_refusal) exchange->on_body_failed(*announced_refusal);
    }
    void resume_body() override { ++resumed; }
    void write_head(const ResponseStart& start) override {
        status = start.status;
        headers = start.headers;
        content_length = start.content_length;
        has_body = start.has_body;
    }
    void write_body(base::Bytes bytes) override {
        if (is_out_of_memory) throw std::bad_alloc{};
        body += base::as_text(bytes);
        buffered += bytes.size();
    }
    [[nodiscard]] bool take_file() override { return has_file; }
    void write_file(FileBody part) override { file = std::move(part); }
    void finish_response() override { finished = true; }
    void abort_response() override { aborted = true; }
    void end_after_response() override { ends_connection = true; }
    void watch_client() override { watches_client = true; }
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return buffered; }
    [[nodiscard]] base::CompressionMemory& compression_memory() noexcept override { return *memory; }
    [[nodiscard]] base::IntrusivePtr<WebSocket> upgrade(Exchange& from, const WebSocketSettings& settings) override {
        if (!client_waits) return nullptr;
        websocket = base::IntrusivePtr<WebSocket>(new WebSocket(from.take_request(), settings, *this));
        return websocket;
    }

    // WebSocketTransport
    void accept(std::string_view, const http::Headers&) override {}
    void reject(int rejected_with, std::string_view, const http::Headers&) override { status = rejected_with; }
    void send(MessageKind, base::Bytes, ws::Encoding) override {}
    void send_shared(SharedMessage&) override {}
    void close(std::uint16_t, std::string_view) override {}
    void log_fault(std::uint16_t, std::string_view) override {}
    void resume_reading() override {}
    void schedule_notify() override {}

    base::IntrusivePtr<Exchange> exchange;
    base::IntrusivePtr<WebSocket> websocket;
    // What the exchange has told it.
    int status = 0;
    http::Headers headers;
    std::optional<std::uint64_t> content_length, body_limit;
    std::string body;
    std::optional<FileBody> file;
    bool has_body = true, finished = false, aborted = false, ends_connection = false, watches_client = false;
    int resumed = 0;
    // How it behaves.
    std::size_t buffered = 0;
    std::unique_ptr<base::CompressionMemory> memory = std::make_unique<base::CompressionMemory>(64 * 1024 * 1024);
    bool has_arrived = false, has_file = true, client_waits = true, is_out_of_memory = false;
    std::optional<RefusalText> announced_refusal;
};

[[nodiscard]] inline RequestInfo request_of(std::string_view method, std::string_view target,
                                            http::Headers headers = {{"Host", "localhost"}}) {
    RequestInfo request{.head = {}, .match = {}, .client = {"127.0.0.1", 5}};
    request.head.method = method;
    request.head.target = target;
    request.head.headers = std::move(headers);
    request.reach = Reach::loopback;
    return request;
}

// A clock that stands still unless the test advances it.
struct FakeClock final : Clock {
    [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
        return std::chrono::steady_clock::time_point(passed);
    }
    [[nodiscard]] std::chrono::system_clock::time_point time() const noexcept override {
        return std::chrono::system_clock::time_point(std::chrono::seconds(1'796'032'800)) +
               std::chrono::duration_cast<std::chrono::system_clock::duration>(passed);
    }
    std::chrono::nanoseconds passed{0};
};

struct Waiting final : Waiter {
    void on_ready() override { ++calls; }
    int calls = 0;
};

}  // namespace proapi::service::test
