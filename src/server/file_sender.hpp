// The body of a response that is a file: read part by part while the output is below high water, so that a file of any
// size costs one part of memory.
#pragma once

#include <memory>
#include <optional>

#include "net/file_stream.hpp"
#include "server/connection.hpp"
#include "server/exchange.hpp"

namespace proapi::server {

class FileSender final : private net::FileHandler {
public:
    // It counts as one of the descriptors that connections and files share, as long as it is there. Null: none is left.
    [[nodiscard]] static std::unique_ptr<FileSender> make(Connection& connection);
    ~FileSender();
    FileSender(const FileSender&) = delete;
    FileSender& operator=(const FileSender&) = delete;

    void start(FileBody file);
    // failed: the file can't be read, or has become shorter than its announced length.
    enum class Progress : std::uint8_t { sending, sent, failed };
    // Reads on as far as the output has room and the file's octets are at hand. Where they are not, the connection's
    // turn ends once more when they are.
    [[nodiscard]] Progress pump();

private:
    explicit FileSender(Connection& connection) noexcept : connection_(connection) {}
    void on_file_read(const net::FileRead& read) override;
    void take(const net::FileRead& read);

    Connection& connection_;
    std::optional<net::FileStream> file_;
    bool is_counted_ = false, has_failed_ = false;
};

}  // namespace proapi::server
