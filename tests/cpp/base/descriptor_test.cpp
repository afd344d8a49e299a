// base/descriptor: each descriptor is closed once, by its last owner; errno as an exception.
#include "base/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace proapi::base {
namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) != -1;
}

int open_null() {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT_GE(fd, 0);
    return fd;
}

TEST(Descriptor, IsClosedAtTheEndOfItsOwner) {
    const int fd = open_null();
    {
        const Descriptor owner(fd);
        EXPECT_TRUE(owner);
        EXPECT_EQ(owner.get(), fd);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, ZeroIsADescriptorAndMinusOneIsNone) {
    EXPECT_FALSE(Descriptor());
    EXPECT_EQ(Descriptor().get(), -1);
    EXPECT_FALSE(Descriptor(-1));
    Descriptor standard_input(0);
    EXPECT_TRUE(standard_input);
    EXPECT_EQ(standard_input.release(), 0);
}

TEST(Descriptor, AMovedFromOwnerHasNone) {
    const int fd = open_null();
    Descriptor first(fd);
    {
        const Descriptor second(std::move(first));
        EXPECT_EQ(first.get(), -1);  // NOLINT(bugprone-use-after-move): this is the promise
        EXPECT_EQ(second.get(), fd);
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, AssignmentClosesNeitherAndTheOldOneGoesWithTheOther) {
    const int kept = open_null(), replaced = open_null();
    Descriptor target(replaced);
    {
        Descriptor source(kept);
        target = std::move(source);
        EXPECT_TRUE(is_open(replaced));
    }
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(target.get(), kept);
    EXPECT_TRUE(is_open(kept));
}

TEST(Descriptor, AReleasedOneStaysOpen) {
    int fd = -1;
    {
        Descriptor owner(open_null());
        fd = owner.release();
        EXPECT_FALSE(owner);
    }
    EXPECT_TRUE(is_open(fd));
    Descriptor(fd).reset();
    EXPECT_FALSE(is_open(fd));
}

// The kernel gives the lowest free number to the next open(), so a second close() would close somebody else's
// descriptor.
TEST(Descriptor, ASecondResetLeavesTheNumbersNextOwnerAlone) {
    Descriptor first(open_null());
    const int fd = first.get();
    first.reset();
    const Descriptor next(open_null());
    ASSERT_EQ(next.get(), fd);
    first.reset();
    EXPECT_TRUE(is_open(fd));
}

TEST(Descriptor, ErrnoBecomesAnExceptionWithTheCallsNameAndTheKernelsWords) {
    errno = EADDRINUSE;
    try {
        throw_errno("bind");
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::address_in_use);
        EXPECT_STREQ(error.what(), "bind: Address already in use");
    }
}

TEST(Descriptor, ErrorNumbersHaveTexts) {
    EXPECT_EQ(error_text(EMFILE), "Too many open files");
    EXPECT_EQ(error_text(0), "Success");
}

}  // namespace
}  // namespace proapi::base
