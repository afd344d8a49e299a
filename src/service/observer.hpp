// Observers are called when a request or a WebSocket ends, and when a WebSocket is accepted: an access log, metrics,
// tracing. Without observers nothing is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "service/request_info.hpp"

namespace proapi::service {

// Read when a request arrives and when it ends. Tests replace the system's clock.
class Clock {
public:
    [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
    [[nodiscard]] virtual std::chrono::system_clock::time_point time() const noexcept = 0;

protected:
    ~Clock() = default;
};

// An HTTP request, or a handshake that was refused. Views are valid during the call.
struct RequestRecord {
    const RequestInfo& request;                    // has no method if the head could not be read
    std::string_view route;                        // the route's pattern; empty if no route matched
    int status = 0;                                // 0: the client left before the response had a status
    std::uint64_t sent_bytes = 0;                  // of the response's body
    std::chrono::steady_clock::duration duration;  // since the head arrived
    std::chrono::system_clock::time_point time;    // now
};

// An accepted WebSocket.
struct WebSocketRecord {
    const RequestInfo& request;
    std::string_view route;
    std::optional<std::uint16_t> close_code;  // nullopt: it has just been accepted
    std::uint64_t received_messages = 0, received_bytes = 0, sent_messages = 0, sent_bytes = 0;
    std::chrono::steady_clock::duration duration;
    std::chrono::system_clock::time_point time;
};

// Called on the reactor's thread, either with no handler on the stack or at the end of a handler's call. An observer
// must not call back.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void on_request(const RequestRecord&) noexcept {}
    virtual void on_accept(const WebSocketRecord&) noexcept {}
    virtual void on_end(const WebSocketRecord&) noexcept {}
};

// What is counted for one request or WebSocket. The service creates one only if there are observers.
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
