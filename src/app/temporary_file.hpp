// A temporary file without a name, which nobody else can open and of which nothing is left behind.
#pragma once

#include <memory>
#include <string_view>

namespace proapi::detail {

// Everything here may block, except for the constructor and the destructor: call it in threads.
class TemporaryFile {
public:
    TemporaryFile();
    // A large file is closed in a thread of its own.
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    // The first call opens the file in the directory TMPDIR, or else /tmp. Throws std::system_error: the disk is full,
    // for example. Some of the octets may be written then.
    void append(std::string_view octets);

    // Maps what the file has now: it can be read until this object is destroyed. Call it once, after the last append().
    // Throws std::system_error.
    [[nodiscard]] std::string_view map();

    // Writes a part of what map() has returned to an open file. Reads the file and not the mapping, whose pages would
    // count as memory of this process. Throws std::system_error.
    void copy_to(int target, std::string_view part) const;

private:
    struct Open;

    std::shared_ptr<Open> open_;
};

// Throws std::system_error.
void write_all(int target, std::string_view octets);

}  // namespace proapi::detail
