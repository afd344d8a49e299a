// Reads a range of a regular file in order, without blocking the loop: octets in the kernel's cache are returned at
// once; octets that must come from a disk or over a network are read by a thread.
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
    base::Slice octets;  // empty without an error: the file has become shorter
    int error = 0;       // an error number
};

class FileHandler {
public:
    // A read that did not complete at once has completed. Called in a later turn.
    virtual void on_file_read(const FileRead& read) = 0;

protected:
    ~FileHandler() = default;
};

// The threads that read the files of one reactor, started when they are first needed. The reactor must outlive this
// object. One file system uses at most half of the threads, so that a file system that hangs does not delay the others.
class FileThreads {
public:
    explicit FileThreads(Reactor& reactor);
    // Does not wait for reads in progress: each keeps its file open until it is done, and its result is dropped.
    ~FileThreads();
    FileThreads(const FileThreads&) = delete;
    FileThreads& operator=(const FileThreads&) = delete;

private:
    friend class FileStream;
    class Queue;
    const std::shared_ptr<Queue> queue_;
    ThreadPool pool_;
};

// Belongs to the reactor's thread. May be destroyed at any time, also while a read is in progress.
class FileStream {
public:
    // `length` octets from `offset` on. The file is released when the stream is destroyed and no thread reads from it.
    FileStream(FileThreads& threads, std::shared_ptr<const base::Descriptor> file, std::uint64_t offset,
               std::uint64_t length, FileHandler& handler);
    ~FileStream();
    FileStream(const FileStream&) = delete;
    FileStream& operator=(const FileStream&) = delete;

    // Returns the next octets, at most `max_bytes` and at most remaining(), or std::nullopt if they are not available
    // at once: on_file_read() delivers them. Not allowed while is_reading(). If no thread can be started, this call
    // waits for the octets. Throws std::bad_alloc.
    [[nodiscard]] std::optional<FileRead> read(std::size_t max_bytes);
    [[nodiscard]] bool is_reading() const noexcept { return read_ != nullptr; }
    // Octets that have not been read yet.
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
    std::shared_ptr<Read> read_;  // the read in progress
    // What the kernel says about its cache. tells: whether octets are in it; is_all: nothing, but the file is in
    // memory; does_not_tell: nothing.
    enum class Cache : std::uint8_t { tells, is_all, does_not_tell } cache_ = Cache::tells;
};

}  // namespace proapi::net
