// A regular file, read from one place to another in order, without holding the loop: what the kernel has in its cache
// comes at once, what has to come from a disk or over a network is read by a thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "base/descriptor.hpp"
#include "base/slice.hpp"
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

// The threads behind the files of one reactor, started when they are first needed. The reactor must outlive this
// object. One file system has at most half of them: one that hangs does not hold the others up.
class FileThreads {
public:
    explicit FileThreads(Reactor& reactor);
    // Does not wait for reads that are under way: each keeps its file open until it is done, and tells nobody.
    ~FileThreads();
    FileThreads(const FileThreads&) = delete;
    FileThreads& operator=(const FileThreads&) = delete;

private:
    friend class FileStream;
    class Queue;
    const std::shared_ptr<Queue> queue_;
    ThreadPool pool_;
};

// Of the reactor's thread. May end at any time, also while a read is under way.
class FileStream {
public:
    // `length` octets from `offset` on. The file is let go when the stream is gone and no thread reads from it.
    FileStream(FileThreads& threads, std::shared_ptr<const base::Descriptor> file, std::uint64_t offset,
               std::uint64_t length, FileHandler& handler);
    ~FileStream();
    FileStream(const FileStream&) = delete;
    FileStream& operator=(const FileStream&) = delete;

    // The next octets, at most so many and at most what remains; none where they don't come at once: on_file_read()
    // brings them. Not while is_reading(). Where no thread can be had, they are waited for. Throws std::bad_alloc.
    [[nodiscard]] std::optional<FileRead> read(std::size_t most_bytes);
    [[nodiscard]] bool is_reading() const noexcept { return read_ != nullptr; }
    // Octets that were not read yet.
    [[nodiscard]] std::uint64_t remaining() const noexcept { return remaining_; }

private:
    friend class FileThreads;
    class Read;
    [[nodiscard]] bool try_at_once(Read& read);
    [[nodiscard]] FileRead take(const Read& read);

    FileThreads& threads_;
    std::shared_ptr<const base::Descriptor> file_;
    std::uint64_t offset_, remaining_;
    FileHandler& handler_;
    std::shared_ptr<Read> read_;  // the one that is under way
    // What the kernel says of its cache: whether octets are there; nothing, but the file is memory; nothing.
    enum class Cache : std::uint8_t { tells, is_all, does_not_tell } cache_ = Cache::tells;
};

}  // namespace proapi::net
