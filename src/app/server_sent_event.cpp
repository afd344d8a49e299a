#include "proapi/server_sent_event.hpp"

#include <stdexcept>
#include <string_view>

#include "proapi/concurrency.hpp"

namespace proapi {

namespace {

void check_line(std::string_view name, const std::optional<std::string>& text) {
    if (text && text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        throw std::invalid_argument("ServerSentEvent: expected no line break and no NUL in " + std::string(name));
}

// Writes each line of the text as a field of that name. CRLF, LF and CR end a line.
void write_lines(std::string_view name, std::string_view text, std::string& out) {
    while (true) {
        const std::size_t end = text.find_first_of("\r\n");
        out.append(name).append(": ").append(text.substr(0, end)).append("\n");
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
    }
}

// Sends comments until it is destroyed: when the stream ends, however it ends. The task that sends them is cancelled a
// turn later, and must not write meanwhile.
class Pings {
public:
    Pings(const BodyWriter& body, std::chrono::milliseconds interval)
        : task_(spawn([body, interval, has_ended = has_ended_]() -> Task<> {
              while (true) {
                  co_await sleep(interval);
                  if (*has_ended) co_return;
                  const bool is_there = co_await body.write(": ping\n\n");
                  if (!is_there) co_return;
              }
          })) {}
    ~Pings() {
        *has_ended_ = true;
        task_.cancel();
    }
    Pings(const Pings&) = delete;
    Pings& operator=(const Pings&) = delete;

private:
    const std::shared_ptr<bool> has_ended_ = std::make_shared<bool>(false);
    TaskHandle task_;
};

}  // namespace

std::string ServerSentEvent::encode() const {
    check_line("event", event);
    check_line("id", id);
    if (retry && retry->count() < 0)
        throw std::invalid_argument("ServerSentEvent: expected milliseconds from 0 on as retry, got " +
                                    std::to_string(retry->count()));
    std::string out;
    if (comment) write_lines("", *comment, out);
    if (event) write_lines("event", *event, out);
    if (id) write_lines("id", *id, out);
    if (retry) write_lines("retry", std::to_string(retry->count()), out);
    if (data) write_lines("data", *data, out);
    if (out.empty())
        throw std::invalid_argument("ServerSentEvent: expected data, event, id, retry or comment, got none of them");
    return out + "\n";
}

Response event_source(std::function<Task<>(EventWriter)> write, std::chrono::milliseconds ping) {
    if (ping.count() <= 0)
        throw std::invalid_argument("event_source(): expected a time above 0 as ping, got " +
                                    std::to_string(ping.count()) + " ms");
    auto response = Response::stream(
        [write = std::move(write), ping](BodyWriter body) -> Task<> {
            const Pings pings(body, ping);
            co_await write(EventWriter(body));
        },
        "text/event-stream");
    response.headers.add("Cache-Control", "no-store");
    response.headers.add("X-Accel-Buffering", "no");  // nginx passes events on at once
    return response;
}

}  // namespace proapi
