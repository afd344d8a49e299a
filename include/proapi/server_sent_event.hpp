// Server-sent events (HTML Standard section 9.2): a response that goes on as long as its client listens.
//
//   app.get("/ticks", [] {
//       return proapi::event_source([](proapi::EventWriter events) -> proapi::Task<> {
//           for (int tick = 0;; ++tick) {
//               co_await events.send({std::to_string(tick), "tick"});
//               co_await proapi::sleep(1s);
//           }
//       });
//   });
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proapi/response.hpp"
#include "proapi/task.hpp"

namespace proapi {

// One event, as an EventSource of a browser gets it; text is UTF-8. Without data it is no event for the browser: an id
// or a retry still counts, and a comment only keeps the connection busy. It has constructors because g++ 12 destroys an
// aggregate twice that is made within a co_await expression.
struct ServerSentEvent {
    std::optional<std::string> data;
    std::optional<std::string> event;                // the type that listeners wait for; nullopt: "message"
    std::optional<std::string> id;                   // the browser sends it as Last-Event-ID when it connects again
    std::optional<std::chrono::milliseconds> retry;  // how long it waits before that
    std::optional<std::string> comment;

    ServerSentEvent() = default;
    ServerSentEvent(std::string with_data, std::optional<std::string> with_event = std::nullopt,
                    std::optional<std::string> with_id = std::nullopt)
        : data(std::move(with_data)), event(std::move(with_event)), id(std::move(with_id)) {}

    // Returns the event's lines and the empty line after them. Throws std::invalid_argument if `event` or `id` has a
    // line break or a NUL, if `retry` is negative, or if no member is set.
    [[nodiscard]] std::string encode() const;
};

// The body of an event source.
class EventWriter {
public:
    // Sends the event at once. As BodyWriter::write(), also when it is awaited. Throws as ServerSentEvent::encode().
    detail::WriteOperation send(const ServerSentEvent& event) const { return body_.write(event.encode()); }

    explicit EventWriter(BodyWriter body) noexcept : body_(std::move(body)) {}

private:
    BodyWriter body_;
};

// Returns a response whose events `write` sends. It ends with the client, as every stream. Every `ping` a comment is
// sent, so that proxies keep the connection; while the client is slow, at most one waits for it. Throws
// std::invalid_argument if `ping` is not above zero.
[[nodiscard]] Response event_source(std::function<Task<>(EventWriter)> write,
                                    std::chrono::milliseconds ping = std::chrono::seconds(15));

}  // namespace proapi
