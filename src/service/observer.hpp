// Who is told of each request and each WebSocket when it is over: an access log, metrics, tracing. Without observers
// nothing is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "service/request_info.hpp"

namespace proapi::service {

// Read when a request comes and when it is over. Another one than the system's is for tests.
class Clock {
public:
    [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
    [[nodiscard]] virtual std::chrono::system_clock::time_point time() const noexcept = 0;

protected:
    ~Clock() = default;
};

// An HTTP request, or a handshake that was refused. Views are valid during the call.
struct RequestRecord {
    const RequestInfo& request;                    // without a method where the head could not be read
    std::string_view route;                        // its pattern; empty: none
    int status = 0;                                // 0: the client was gone before there was one
    std::uint64_t sent_bytes = 0;                  // of the body
    std::chrono::steady_clock::duration duration;  // since the head had come
    std::chrono::system_clock::time_point time;    // now
};

// A WebSocket that was accepted.
struct WebSocketRecord {
    const RequestInfo& request;
    std::string_view route;
    std::optional<std::uint16_t> close_code;  // none: it has just been accepted
    std::uint64_t received_messages = 0, received_bytes = 0, sent_messages = 0, sent_bytes = 0;
    std::chrono::steady_clock::duration duration;
    std::chrono::system_clock::time_point time;
};

// Called on the thread of the reactor, with no handler on the stack or at the end of one's call: it must not call back.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void on_request(const RequestRecord&) noexcept {}
    virtual void on_accept(const WebSocketRecord&) noexcept {}
    virtual void on_end(const WebSocketRecord&) noexcept {}
};

// What is counted of one request or WebSocket. Made by the service, where there are observers.
class Observation {
public:
    Observation(const std::vector<std::shared_ptr<Observer>>& observers, const Clock& clock) noexcept
        : observers_(observers), clock_(clock), began_(clock.now()) {}

    void set_route(std::string_view route) noexcept { route_ = route; }
    void count_received(std::size_t bytes) noexcept { ++received_messages_, received_bytes_ += bytes; }
    void count_sent(std::size_t bytes) noexcept { ++sent_messages_, sent_bytes_ += bytes; }
    void set_status(int status) noexcept { status_ = status; }

    void report_request(const RequestInfo& request) const noexcept;
    void report_accept(const RequestInfo& request) const noexcept;
    void report_end(const RequestInfo& request, std::uint16_t close_code) const noexcept;

private:
    [[nodiscard]] WebSocketRecord make_record(const RequestInfo& request,
                                              std::optional<std::uint16_t> close_code) const noexcept;

    const std::vector<std::shared_ptr<Observer>>& observers_;
    const Clock& clock_;
    const std::chrono::steady_clock::time_point began_;
    std::string_view route_;
    std::uint64_t received_messages_ = 0, received_bytes_ = 0, sent_messages_ = 0, sent_bytes_ = 0;
    int status_ = 0;
};

}  // namespace proapi::service
