#include "net/file_stream.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <new>
#include <thread>

#include "net/forks.hpp"
#include "net/reactor.hpp"

namespace proapi::net {

namespace {

constexpr std::size_t max_threads = 4, max_threads_per_device = max_threads / 2;
constexpr std::chrono::milliseconds memory_wait{10};

// Never 0.
[[nodiscard]] dev_t find_device(int file) noexcept {
    struct stat found{};
    return ::fstat(file, &found) == 0 ? found.st_dev + 1 : 1;
}

[[nodiscard]] bool is_in_memory(int file) noexcept {
    struct statfs found{};
    return ::fstatfs(file, &found) == 0 && found.f_type == TMPFS_MAGIC;
}

}  // namespace

// One read, carried out by the thread that asks for it or by another thread.
class FileStream::Read : public base::ListLink {
public:
    Read(FileStream& stream, std::size_t size)
        : stream_(&stream),
          file_(stream.file_),
          block_(std::make_shared_for_overwrite<std::uint8_t[]>(size)),
          size_(size),
          offset_(static_cast<off_t>(stream.offset_)) {}

    // Reads without waiting. Returns the number of octets, 0 if there are none, or a negative error number.
    [[nodiscard]] ssize_t read_what_is_cached() noexcept {
        const iovec place{block_.get(), size_};
        return result_ = repeated([&] { return ::preadv2(file_->get(), &place, 1, offset_, RWF_NOWAIT); });
    }
    void read_all() noexcept {
        result_ = repeated([&] { return ::pread(file_->get(), block_.get(), size_, offset_); });
    }

private:
    friend class FileStream;
    friend class FileThreads::Queue;

    template <class Call>
    [[nodiscard]] static ssize_t repeated(Call&& call) noexcept {
        ssize_t result = 0;
        do result = call();
        while (result < 0 && errno == EINTR);
        return result < 0 ? -errno : result;
    }

    FileStream* stream_;                            // null: no stream waits for this read. Used on the reactor's thread
    std::shared_ptr<const base::Descriptor> file_;  // released when the read is done: descriptors are scarce
    std::shared_ptr<std::uint8_t[]> block_;
    std::size_t size_;
    off_t offset_;
    dev_t device_ = 0;
    ssize_t result_ = 0;              // octets, or a negative error number
    std::shared_ptr<Read> in_queue_;  // keeps this object alive while it waits for a thread
};

// Reads that wait for a thread, and the reactor that gets the results, as long as it exists.
class FileThreads::Queue : public std::enable_shared_from_this<Queue> {
public:
    using Read = FileStream::Read;

    explicit Queue(Reactor& reactor) noexcept : reactor_(&reactor) {}

    // Returns false if no thread can be started.
    [[nodiscard]] bool add(ThreadPool& pool, const std::shared_ptr<Read>& read) {
        const std::lock_guard lock(mutex_);
        if (threads_ < max_threads) {
            try {
                pool.run([self = shared_from_this()] { self->serve(); });
                ++threads_;
            } catch (...) {
                if (threads_ == 0) return false;
            }
        }
        read->in_queue_ = read;
        waiting_.push_back(*read);
        return true;
    }
    // The stream no longer waits for the read. A read that has not begun never begins; one that has begun runs to its
    // end, and its result is dropped.
    void forget(Read& read) noexcept {
        read.stream_ = nullptr;
        if (is_forked()) return;  // the threads, and what they hold, belong to the parent
        const std::lock_guard lock(mutex_);
        if (!read.is_linked()) return;
        read.unlink();
        read.in_queue_.reset();
    }
    void leave() noexcept {
        if (is_forked()) return;
        const std::lock_guard lock(mutex_);
        reactor_ = nullptr;
    }
    [[nodiscard]] bool is_forked() const noexcept { return fork_count() != forks_; }

private:
    // The work of one thread: carries out reads until none is left that it may take.
    void serve() noexcept {
        std::unique_lock lock(mutex_);
        while (const std::shared_ptr<Read> read = next()) {
            dev_t& place = *std::ranges::find(devices_, dev_t{0});
            place = read->device_;
            lock.unlock();
            read->read_all();
            read->file_.reset();
            while (!try_post(read)) std::this_thread::sleep_for(memory_wait);
            lock.lock();
            place = 0;
        }
        --threads_;
    }
    // Returns the first read whose device does not use its full share of threads; null if there is none.
    [[nodiscard]] std::shared_ptr<Read> next() noexcept {
        std::shared_ptr<Read> found;
        waiting_.for_each([&](Read& read) {
            if (!found &&
                std::ranges::count(devices_, read.device_) < static_cast<std::ptrdiff_t>(max_threads_per_device))
                found = read.in_queue_;
        });
        if (found) {
            found->unlink();
            found->in_queue_.reset();
        }
        return found;
    }
    // Returns false if there is no memory for the message. The caller must try again, because a stream waits for the
    // octets.
    [[nodiscard]] bool try_post(const std::shared_ptr<Read>& read) noexcept {
        const std::lock_guard lock(mutex_);
        try {
            if (reactor_) reactor_->post([read] { come_back(*read); });
        } catch (const std::bad_alloc&) {
            return false;
        }
        return true;
    }
    static void come_back(const Read& read) {
        FileStream* const stream = read.stream_;
        if (!stream) return;
        stream->read_.reset();
        stream->handler_.on_file_read(stream->take(read));
    }

    const unsigned forks_ = fork_count();
    std::mutex mutex_;
    Reactor* reactor_;  // null after leave()
    base::IntrusiveList<Read, Read> waiting_;
    std::array<dev_t, max_threads> devices_{};  // of the reads in progress; 0: a free place
    std::size_t threads_ = 0;                   // threads in serve()
};

FileThreads::FileThreads(Reactor& reactor) : queue_(std::make_shared<Queue>(reactor)), pool_(max_threads) {}

FileThreads::~FileThreads() {
    pool_.close();
    queue_->leave();
}

FileStream::FileStream(FileThreads& threads, std::shared_ptr<const base::Descriptor> file, std::uint64_t offset,
                       std::uint64_t length, FileHandler& handler)
    : threads_(threads), file_(std::move(file)), offset_(offset), remaining_(length), handler_(handler) {}

FileStream::~FileStream() {
    if (read_) threads_.queue_->forget(*read_);
}

std::optional<FileRead> FileStream::read(std::size_t max_bytes) {
    const auto next = std::make_shared<Read>(*this, std::min<std::uint64_t>(max_bytes, remaining_));
    if (try_at_once(*next)) return take(*next);
    next->device_ = find_device(file_->get());
    if (threads_.queue_->add(threads_.pool_, next)) {
        read_ = next;
        return std::nullopt;
    }
    next->read_all();
    return take(*next);
}

// An error or an end of file counts only if the read has waited for it: some kernels have returned 0 for octets that
// were not in the cache, and a file that refuses the non-waiting call need not refuse the other one.
bool FileStream::try_at_once(Read& read) {
    if (cache_ == Cache::tells) {
        const ssize_t result = read.read_what_is_cached();
        if (result > 0) return true;
        if (result != -EOPNOTSUPP) return false;
        cache_ = is_in_memory(file_->get()) ? Cache::is_all : Cache::does_not_tell;
    }
    if (cache_ == Cache::does_not_tell) return false;
    read.read_all();
    return true;
}

FileRead FileStream::take(const Read& read) {
    if (read.result_ < 0) return {.octets = {}, .error = static_cast<int>(-read.result_)};
    const auto count = static_cast<std::size_t>(read.result_);
    offset_ += count;
    remaining_ -= count;
    return {.octets = base::Slice(read.block_, {read.block_.get(), count}), .error = 0};
}

}  // namespace proapi::net
