// A regular file, read from one place to another in order, without holding the loop: what the kernel has in its cache
// comes at once, what has to come from a disk or over a network is read by a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/slice.hpp"
#include "net/descriptor.hpp"
#include "net/thread_pool.hpp"

namespace proapi::net {

class Reactor;

struct FileRead {
    base::Slice octets;  // none without an error: the file has become shorter
    int error = 0;       // an error number
};

class FileHandler {
public:
    // A read that was not done at once is done. A later turn.
    virtual void on_file_read(const FileRead& read) = 0;

protected:
    ~FileHandler() = default;
};

// The threads behind the files of one reactor, which outlives it. None is started before one is needed.
class FileThreads {
public:
    explicit FileThreads(Reactor& reactor);
    // A read that hangs is left to itself: nobody is told of it.
    ~FileThreads();
    FileThreads(const FileThreads&) = delete;
    FileThreads& operator=(const FileThreads&) = delete;

private:
    friend class FileStream;
    class Home;
    const std::shared_ptr<Home> home_;
    ThreadPool pool_;
};

// Of the reactor's thread. May end at any time, also while a read is under way.
class FileStream {
public:
    // `length` octets from `offset` on.
    FileStream(FileThreads& threads, Descriptor file, std::uint64_t offset, std::uint64_t length, FileHandler& handler);
    ~FileStream();
    FileStream(const FileStream&) = delete;
    FileStream& operator=(const FileStream&) = delete;

    // The next octets, at most so many and at most what remains; none where they don't come at once: on_file_read()
    // brings them. Not while is_reading(). Throws std::bad_alloc, and std::system_error where a thread is needed and
    // none can be started.
    [[nodiscard]] std::optional<FileRead> read(std::size_t most_bytes);
    [[nodiscard]] bool is_reading() const noexcept { return read_ != nullptr; }
    // Octets that were not read yet.
    [[nodiscard]] std::uint64_t remaining() const noexcept { return remaining_; }

private:
    class Read;
    [[nodiscard]] FileRead take(const Read& read);

    FileThreads& threads_;
    std::shared_ptr<Descriptor> file_;  // a thread may be reading from it
    std::uint64_t offset_, remaining_;
    FileHandler& handler_;
    std::shared_ptr<Read> read_;  // the one that is under way
};

}  // namespace proapi::net
