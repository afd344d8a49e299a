// Sends a file as the body of a response. It reads part by part while the output is below high water, so that a file of
// any size costs one part of memory.
#pragma once

#include <memory>
#include <optional>

#include "http/body_encoder.hpp"
#include "net/file_stream.hpp"
#include "server/connection.hpp"
#include "service/exchange.hpp"

namespace proapi::server {

class FileSender final : private net::FileHandler {
public:
    // Returns null if no descriptor is left. The sender's file counts against the descriptors that connections and
    // files share, until nothing reads from it any more.
    [[nodiscard]] static std::unique_ptr<FileSender> make(Connection& connection);

    // `framing` is that of the response. The exchange that encodes the file outlives the sender.
    void start(service::FileBody file, const http::BodyEncoder& framing);
    // failed: the file can't be read, or has become shorter than its announced length.
    enum class Progress : std::uint8_t { sending, sent, failed };
    // Reads on while the output has room and the file's octets are available. If they are not, the connection's
    // protocol gets another on_turn_end() when they are.
    [[nodiscard]] Progress pump();
    // Whether the sender waits for the file, not for the client.
    [[nodiscard]] bool is_reading() const noexcept { return stream_ && stream_->is_reading(); }

private:
    struct CountedFile;
    FileSender(Connection& connection, std::shared_ptr<CountedFile> file) noexcept
        : connection_(connection), file_(std::move(file)) {}
    void on_file_read(const net::FileRead& read) override;
    void take(const net::FileRead& read);
    void append(const base::Slice& octets);

    Connection& connection_;
    const std::shared_ptr<CountedFile> file_;
    std::optional<net::FileStream> stream_;
    service::Exchange* encoded_by_ = nullptr;  // null: the file is sent as it is
    http::BodyEncoder framing_;
    bool has_failed_ = false;
};

}  // namespace proapi::server
