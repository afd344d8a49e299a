// A temporary file without a name, which nobody else can open and of which nothing is left behind.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace proapi::detail {

// Everything here may block: call it in threads.
class TemporaryFile {
public:
    // In the directory TMPDIR, or else /tmp. Throws std::system_error.
    TemporaryFile();
    // May be called on a loop: a large file is closed in a thread of its own.
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    // Throws std::system_error: the disk is full, for example. Some of the octets may be written then.
    void append(std::string_view octets);
    [[nodiscard]] std::uint64_t size() const noexcept;

    // Maps what the file has now: it can be read until this object is destroyed. Call it once, after the last append().
    // Throws std::system_error.
    [[nodiscard]] std::string_view map();

private:
    struct Open;

    std::shared_ptr<Open> open_;
};

}  // namespace proapi::detail
