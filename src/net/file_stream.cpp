#include "net/file_stream.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <thread>

#include "net/reactor.hpp"

namespace proapi::net {

namespace {

// So many disks, or one that hangs and others that don't.
constexpr std::size_t most_threads = 4;
constexpr std::chrono::milliseconds memory_wait{10};

}  // namespace

// Where threads bring what they have read, as long as there is somebody.
class FileThreads::Home {
public:
    explicit Home(Reactor& reactor) noexcept : reactor_(&reactor) {}

    void leave() noexcept {
        const std::lock_guard lock(mutex_);
        reactor_ = nullptr;
    }
    // On a thread. Where there is no memory to say it, it waits for some: who waits for the octets must be told.
    template <class Task>
    void post(const Task& task) noexcept {
        while (!try_post(task)) std::this_thread::sleep_for(memory_wait);
    }

private:
    template <class Task>
    [[nodiscard]] bool try_post(const Task& task) noexcept {
        const std::lock_guard lock(mutex_);
        try {
            if (reactor_) reactor_->post(task);
        } catch (const std::bad_alloc&) {
            return false;
        }
        return true;
    }

    std::mutex mutex_;
    Reactor* reactor_;
};

FileThreads::FileThreads(Reactor& reactor) : home_(std::make_shared<Home>(reactor)), pool_(most_threads) {}

FileThreads::~FileThreads() {
    pool_.close();
    home_->leave();
}

// One read, by the thread that asks for it or by another one.
class FileStream::Read : public std::enable_shared_from_this<Read> {
public:
    Read(FileStream& stream, std::size_t size)
        : stream_(&stream),
          file_(stream.file_),
          home_(stream.threads_.home_),
          block_(std::make_shared_for_overwrite<std::uint8_t[]>(size)),
          size_(size),
          offset_(static_cast<off_t>(stream.offset_)) {}

    // False: the octets are not in the kernel's cache, or it can't tell.
    [[nodiscard]] bool try_at_once() noexcept {
        const iovec place{block_.get(), size_};
        do result_ = ::preadv2(file_->get(), &place, 1, offset_, RWF_NOWAIT);
        while (result_ < 0 && errno == EINTR);
        if (result_ < 0) result_ = -errno;
        // Some kernels have given 0 for what was not in the cache: the file's end is believed where it was waited for.
        return result_ != -EAGAIN && result_ != -EOPNOTSUPP && result_ != -ENOSYS && result_ != 0;
    }
    void run() noexcept {
        if (is_forgotten_.load(std::memory_order_relaxed)) return;
        do result_ = ::pread(file_->get(), block_.get(), size_, offset_);
        while (result_ < 0 && errno == EINTR);
        if (result_ < 0) result_ = -errno;
        home_->post([self = shared_from_this()] { self->come_back(); });
    }
    // The stream is gone. A read that has not begun does not begin any more.
    void forget() noexcept {
        stream_ = nullptr;
        is_forgotten_.store(true, std::memory_order_relaxed);
    }

private:
    friend class FileStream;
    void come_back() {
        if (!stream_) return;
        const std::shared_ptr<Read> self = std::move(stream_->read_);
        stream_->handler_.on_file_read(stream_->take(*this));
    }

    FileStream* stream_;  // null: gone. Of the reactor's thread
    const std::shared_ptr<Descriptor> file_;
    const std::shared_ptr<FileThreads::Home> home_;
    const std::shared_ptr<std::uint8_t[]> block_;
    const std::size_t size_;
    const off_t offset_;
    ssize_t result_ = 0;  // octets, or an error number, negative
    std::atomic<bool> is_forgotten_ = false;
};

FileStream::FileStream(FileThreads& threads, Descriptor file, std::uint64_t offset, std::uint64_t length,
                       FileHandler& handler)
    : threads_(threads),
      file_(std::make_shared<Descriptor>(std::move(file))),
      offset_(offset),
      remaining_(length),
      handler_(handler) {}

FileStream::~FileStream() {
    if (read_) read_->forget();
}

std::optional<FileRead> FileStream::read(std::size_t most_bytes) {
    const auto next = std::make_shared<Read>(*this, std::min<std::uint64_t>(most_bytes, remaining_));
    if (next->try_at_once()) return take(*next);
    threads_.pool_.run([next] { next->run(); });
    read_ = next;
    return std::nullopt;
}

FileRead FileStream::take(const Read& read) {
    if (read.result_ < 0) return {.octets = {}, .error = static_cast<int>(-read.result_)};
    const auto count = static_cast<std::size_t>(read.result_);
    offset_ += count;
    remaining_ -= count;
    return {.octets = base::Slice(read.block_, {read.block_.get(), count}), .error = 0};
}

}  // namespace proapi::net
