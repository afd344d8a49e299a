// Files are read in order, at once where the kernel has them in its cache, and by a thread where it has not: the loop
// does not wait for a disk.
#include "net/file_stream.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <optional>
#include <string>

#include "net/reactor.hpp"
#include "slow_disk.hpp"

namespace proapi::net {
namespace {

using tests::slow_disk;

Descriptor file_of(std::string_view octets) {
    Descriptor file(::memfd_create("file_stream_test", MFD_CLOEXEC));
    EXPECT_EQ(::write(file.get(), octets.data(), octets.size()), static_cast<ssize_t>(octets.size()));
    return file;
}

class FileStreams : public testing::Test, public FileHandler {
protected:
    void SetUp() override {
        slow_disk.error_at_once = EAGAIN;
        slow_disk.gives_nothing_at_once = false;
        slow_disk.error = 0;
        slow_disk.release();
        threads.emplace(reactor);
    }
    void on_file_read(const FileRead& read) override {
        later = std::string(base::as_text(read.octets.bytes()));
        error = read.error;
    }
    // What a read gives, now or after some turns; "": the end.
    std::string next(FileStream& stream, std::size_t most_bytes) {
        later.reset();
        error = 0;
        if (const auto read = stream.read(most_bytes)) {
            was_at_once = true;
            error = read->error;
            return std::string(base::as_text(read->octets.bytes()));
        }
        was_at_once = false;
        EXPECT_TRUE(stream.is_reading());
        while (!later) reactor.turn(Duration(5000));
        EXPECT_FALSE(stream.is_reading());
        return *later;
    }

    Reactor reactor;
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
    EXPECT_EQ(next(stream, 4), "678");  // no more than was asked for at the start
    EXPECT_TRUE(was_at_once);
    EXPECT_EQ(stream.remaining(), 0U);
    EXPECT_EQ(slow_disk.begun(), begun);
}

TEST_F(FileStreams, TheRestIsReadByAThread) {
    // Not in the cache; not known, as on file systems that can't tell; an old kernel.
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
    EXPECT_EQ(next(stream, 8), "");  // it is four octets shorter than was said
    EXPECT_EQ(error, 0);
    EXPECT_EQ(stream.remaining(), 4U);
}

TEST_F(FileStreams, AnErrorIsTold) {
    slow_disk.error_at_once = EIO;
    FileStream stream(*threads, file_of("0123"), 0, 4, *this);
    EXPECT_EQ(next(stream, 4), "");
    EXPECT_TRUE(was_at_once);
    EXPECT_EQ(error, EIO);
    slow_disk.error_at_once = EAGAIN;
    slow_disk.error = ESTALE;
    EXPECT_EQ(next(stream, 4), "");
    EXPECT_FALSE(was_at_once);
    EXPECT_EQ(error, ESTALE);
}

TEST_F(FileStreams, TheLoopGoesOnWhileADiskIsSlow) {
    slow_disk.hold();
    FileStream stream(*threads, file_of("0123"), 0, 4, *this);
    EXPECT_FALSE(stream.read(4));
    bool posted = false;
    reactor.post([&] { posted = true; });
    reactor.turn(Duration(5000));
    EXPECT_TRUE(posted);
    EXPECT_FALSE(later);
    slow_disk.release();
    while (!later) reactor.turn(Duration(5000));
    EXPECT_EQ(later, "0123");
}

// Neither the file's end nor the threads' waits for a disk that hangs, and nobody is told of what it gives at last.
TEST_F(FileStreams, EndWhileADiskHangs) {
    slow_disk.hold();
    const int begun = slow_disk.begun(), ended = slow_disk.ended();
    {
        FileStream stream(*threads, file_of("0123"), 0, 4, *this);
        EXPECT_FALSE(stream.read(4));
        while (slow_disk.begun() == begun) std::this_thread::yield();
    }
    threads.reset();
    slow_disk.release();
    while (slow_disk.ended() == ended) std::this_thread::yield();
    reactor.turn(Duration(0));
    EXPECT_FALSE(later);
}

// More files than there are threads: one that was given up before its turn is not read at all.
TEST_F(FileStreams, WhatNobodyWaitsForIsNotRead) {
    slow_disk.hold();
    const int begun = slow_disk.begun();
    std::vector<std::unique_ptr<FileStream>> streams;
    for (int i = 0; i < 5; ++i) {
        streams.push_back(std::make_unique<FileStream>(*threads, file_of("0123"), 0, 4, *this));
        EXPECT_FALSE(streams.back()->read(4));
    }
    while (slow_disk.begun() < begun + 4) std::this_thread::yield();
    streams.clear();
    slow_disk.release();
    FileStream last(*threads, file_of("4567"), 0, 4, *this);
    EXPECT_EQ(next(last, 4), "4567");
    EXPECT_EQ(slow_disk.begun(), begun + 5);
}

}  // namespace
}  // namespace proapi::net
