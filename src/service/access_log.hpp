// An observer that writes one line when a request has been answered, and two for each WebSocket: one when it is
// accepted and one when it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "service/observer.hpp"

namespace proapi::service {

class AccessLog final : public Observer {
public:
    // common: the Common Log Format, as Apache and others write it:
    //   127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /hello HTTP/1.1" 200 12
    //   127.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /ws HTTP/1.1" 101 -
    //   127.0.0.1 - - [30/Nov/2026:10:00:05 +0000] "CLOSE /ws HTTP/1.1" 1001 5310
    // json: one JSON object per line, with every known field.
    enum class Format : std::uint8_t { common, json };
    using Write = std::function<void(std::string_view line)>;  // must not throw

    AccessLog(Format format, Write write) : format_(format), write_(std::move(write)) {}

    void on_request(const RequestRecord& record) noexcept override;
    void on_accept(const WebSocketRecord& record) noexcept override;
    void on_end(const WebSocketRecord& record) noexcept override;

private:
    void write(const auto& make_line) noexcept;

    Format format_;
    Write write_;
};

}  // namespace proapi::service
