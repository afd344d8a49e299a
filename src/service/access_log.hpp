// One line for each request when it is answered, and two for each WebSocket: when it is accepted and when it is over.
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
    // json: an object a line, with all that is known.
    enum class Format : std::uint8_t { common, json };
    using Write = std::function<void(std::string_view line)>;  // it must not throw

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
