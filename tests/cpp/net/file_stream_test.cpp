// Files are read in order: at once if they are in the kernel's cache, otherwise by a thread, so that the loop never
// waits for a disk.
// promise: slow-disks
#include "net/file_stream.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <string>

#include "net/reactor.hpp"
#include "tests/cpp/slow_disk.hpp"

namespace proapi::net {
namespace {

using tests::slow_disk;

std::shared_ptr<const base::Descriptor> file_of(std::string_view octets) {
    // Not in /tmp, which may be a tmpfs: there, EOPNOTSUPP means that the file is in memory and needs no thread.
    char name[] = "/var/tmp/file_stream_test.XXXXXX";
    auto file = std::make_shared<const base::Descriptor>(::mkstemp(name));
    ::unlink(name);
    EXPECT_EQ(::write(file->get(), octets.data(), octets.size()), static_cast<ssize_t>(octets.size()));
    return file;
}

std::size_t threads_of_this_process() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

class FileStreams : public testing::Test, public FileHandler {
protected:
    void SetUp() override {
        slow_disk.error_at_once = EAGAIN;
        slow_disk.gives_nothing_at_once = false;
        slow_disk.error = 0;
        slow_disk.release();
        reactor.emplace();
        threads.emplace(*reactor);
    }
    void TearDown() override { slow_disk.release(); }
    void on_file_read(const FileRead& read) override {
        later = std::string(base::as_text(read.octets.bytes()));
        error = read.error;
    }
    // Waits for the result of a thread's read.
    void wait() {
        EXPECT_TRUE(tests::soon([&] {
            reactor->turn(Duration(10));
            return later.has_value();
        }));
    }
    // Returns the result of a read, which may take several turns; "" at the end or after an error.
    std::string next(FileStream& stream, std::size_t max_bytes) {
        later.reset();
        error = 0;
        if (const auto read = stream.read(max_bytes)) {
            was_at_once = true;
            error = read->error;
            return std::string(base::as_text(read->octets.bytes()));
        }
        was_at_once = false;
        EXPECT_TRUE(stream.is_reading());
        wait();
        EXPECT_FALSE(stream.is_reading());
        return later.value_or("nothing came");
    }

    std::optional<Reactor> reactor;
    std::optional<FileThreads> threads;
    std::optional<std::string> later;
    int error = 0;
    bool was_at_once = false;
};

TEST_F(FileStreams, WhatIsInTheCacheComesAtOnce) {
    slow_disk.error_at_once = 0;
    const int begun = slow_disk.begun();
    FileStream stream(*threads, file_of("0123456789"), 2, 7, *this);
    EXPECT_EQ(next(stream, 4), "2345");
    EXPECT_TRUE(was_at_once);
    EXPECT_EQ(stream.remaining(), 3U);
    EXPECT_EQ(next(stream, 4), "678");  // no more than was requested at the start
    EXPECT_TRUE(was_at_once);
    EXPECT_EQ(stream.remaining(), 0U);
    EXPECT_EQ(slow_disk.begun(), begun);
}

TEST_F(FileStreams, TheRestIsReadByAThread) {
    // Not in the cache; not known, because the file system can't tell; an old kernel.
    for (const int why : {EAGAIN, EOPNOTSUPP, ENOSYS}) {
        slow_disk.error_at_once = why;
        FileStream stream(*threads, file_of("0123456789"), 0, 10, *this);
        EXPECT_EQ(next(stream, 6), "012345") << why;
        EXPECT_FALSE(was_at_once);
        EXPECT_NE(slow_disk.last_thread(), std::this_thread::get_id());
        EXPECT_EQ(next(stream, 6), "6789");
    }
}

TEST_F(FileStreams, AnEndThatWasNotWaitedForIsNotBelieved) {
    slow_disk.gives_nothing_at_once = true;
    FileStream stream(*threads, file_of("0123"), 0, 8, *this);
    EXPECT_EQ(next(stream, 8), "0123");
    EXPECT_EQ(next(stream, 8), "");  // the file is four octets shorter than announced
    EXPECT_EQ(error, 0);
    EXPECT_EQ(stream.remaining(), 4U);
}

TEST_F(FileStreams, AnErrorIsTold) {
    slow_disk.error = ESTALE;
    FileStream stream(*threads, file_of("0123"), 0, 4, *this);
    EXPECT_EQ(next(stream, 4), "");
    EXPECT_EQ(error, ESTALE);
    EXPECT_EQ(stream.remaining(), 4U);
}

// For example, a seccomp filter that allows the ordinary read but not the nonblocking one.
TEST_F(FileStreams, AnErrorOfTheNonblockingReadDoesNotDecide) {
    for (const int why : {EPERM, EINVAL, EIO}) {
        slow_disk.error_at_once = why;
        FileStream stream(*threads, file_of("0123"), 0, 4, *this);
        EXPECT_EQ(next(stream, 4), "0123") << why;
        EXPECT_EQ(error, 0);
    }
}

TEST_F(FileStreams, AFileInMemoryNeedsNoThread) {
    slow_disk.error_at_once = EOPNOTSUPP;
    auto file = std::make_shared<const base::Descriptor>(::memfd_create("file_stream_test", MFD_CLOEXEC));
    ASSERT_EQ(::write(file->get(), "0123", 4), 4);
    FileStream stream(*threads, file, 0, 4, *this);
    for (const char* part : {"01", "23"}) {
        EXPECT_EQ(next(stream, 2), part);
        EXPECT_TRUE(was_at_once);
        EXPECT_EQ(slow_disk.last_thread(), std::this_thread::get_id());
    }
}

TEST_F(FileStreams, TheLoopGoesOnWhileADiskIsSlow) {
    slow_disk.hold();
    FileStream stream(*threads, file_of("0123"), 0, 4, *this);
    EXPECT_FALSE(stream.read(4));
    bool posted = false;
    reactor->post([&] { posted = true; });
    reactor->turn(Duration(5000));
    EXPECT_TRUE(posted);
    EXPECT_FALSE(later);
    slow_disk.release();
    wait();
    EXPECT_EQ(later, "0123");
}

// Neither the end of the stream nor that of the threads waits for a disk that hangs. The late result is discarded.
TEST_F(FileStreams, EndWhileADiskHangs) {
    slow_disk.hold();
    std::thread([] {}).join();  // ThreadSanitizer starts its own thread with the first one
    const std::size_t threads_before = threads_of_this_process();
    const int begun = slow_disk.begun(), ended = slow_disk.ended();
    const auto file = file_of("0123");
    {
        FileStream stream(*threads, file, 0, 4, *this);
        EXPECT_FALSE(stream.read(4));
        ASSERT_TRUE(tests::soon([&] { return slow_disk.begun() > begun; }));
    }
    EXPECT_EQ(file.use_count(), 2);  // the thread reads from it
    threads.reset();
    reactor.reset();
    EXPECT_EQ(slow_disk.ended(), ended);
    slow_disk.release();
    EXPECT_TRUE(tests::soon([&] { return threads_of_this_process() == threads_before; }));
    EXPECT_EQ(file.use_count(), 1);
    EXPECT_FALSE(later);
}

// More reads than threads: if a stream is destroyed before its turn, its file is released at once and never read.
TEST_F(FileStreams, WhatNobodyWaitsForIsNotRead) {
    slow_disk.hold();
    const int begun = slow_disk.begun();
    const auto file = file_of("0123");
    constexpr int of_one_device = 2;  // reads at the same time
    {
        std::vector<std::unique_ptr<FileStream>> streams;
        for (int i = 0; i < 10; ++i) {
            streams.push_back(std::make_unique<FileStream>(*threads, file, 0, 4, *this));
            EXPECT_FALSE(streams.back()->read(4));
        }
        ASSERT_TRUE(tests::soon([&] { return slow_disk.begun() == begun + of_one_device; }));
        EXPECT_EQ(file.use_count(), 1 + 2 * 10);
    }
    EXPECT_EQ(file.use_count(), 1 + of_one_device);
    slow_disk.release();
    FileStream last(*threads, file_of("4567"), 0, 4, *this);
    EXPECT_EQ(next(last, 4), "4567");
    EXPECT_EQ(slow_disk.begun(), begun + of_one_device + 1);
}

// A file system that hangs does not delay another one.
TEST_F(FileStreams, AnotherDeviceHasThreadsOfItsOwn) {
    slow_disk.hold();
    const int begun = slow_disk.begun();
    std::vector<std::unique_ptr<FileStream>> hanging;
    for (int i = 0; i < 10; ++i) {
        hanging.push_back(std::make_unique<FileStream>(*threads, file_of("0123"), 0, 4, *this));
        EXPECT_FALSE(hanging.back()->read(4));
    }
    ASSERT_TRUE(tests::soon([&] { return slow_disk.begun() == begun + 2; }));
    auto elsewhere = std::make_shared<const base::Descriptor>(::memfd_create("file_stream_test", MFD_CLOEXEC));
    FileStream other(*threads, elsewhere, 0, 4, *this);
    EXPECT_FALSE(other.read(4));
    EXPECT_TRUE(tests::soon([&] { return slow_disk.begun() == begun + 3; }));
}

}  // namespace
}  // namespace proapi::net
