// base/heap: what glibc does with freed memory, measured by its own statistics. The setting is permanent and applies to
// the whole process, so each test runs in its own process.
#include "base/heap.hpp"

#include <gtest/gtest.h>

#ifdef __GLIBC__
#include <malloc.h>

#include <cstdlib>

namespace proapi::base {
namespace {

constexpr std::size_t mib = std::size_t{1024} * 1024;

// Whether free() returns a block of that size to the kernel.
bool is_given_back(std::size_t size) {
    void* volatile block = std::malloc(size);  // volatile, so that the compiler keeps both calls
    const struct mallinfo2 used = mallinfo2();
    std::free(block);
    const struct mallinfo2 freed = mallinfo2();
    return freed.arena + freed.hblkhd < used.arena + used.hblkhd;
}

class Heap : public testing::Test {
protected:
    void SetUp() override {
        if (mallinfo2().uordblks == 0) GTEST_SKIP() << "a sanitizer has replaced malloc";
        for (const char* name : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"})
            ::unsetenv(name);
        GTEST_FLAG_SET(death_test_style, "threadsafe");  // runs each check in a new process
    }
};

TEST_F(Heap, LargeBlocksAreGivenBackByDefault) {
    EXPECT_EXIT(std::exit(is_given_back(mib) ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST_F(Heap, BlocksBelow4MibAreKeptAndLargerOnesAreGivenBack) {
    const auto check = [] {
        keep_freed_memory();
        keep_freed_memory();  // the second call does nothing
        if (is_given_back(mib / 4)) return 1;
        if (is_given_back(3 * mib)) return 2;
        return is_given_back(5 * mib) ? 0 : 3;
    };
    EXPECT_EXIT(std::exit(check()), testing::ExitedWithCode(0), "");
}

TEST_F(Heap, SettingsOfTheEnvironmentWin) {
    for (const char* name : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}) {
        const auto check = [name] {
            ::setenv(name, "", 1);
            keep_freed_memory();
            return is_given_back(mib) ? 0 : 1;
        };
        EXPECT_EXIT(std::exit(check()), testing::ExitedWithCode(0), "") << name;
    }
}

}  // namespace
}  // namespace proapi::base
#endif
