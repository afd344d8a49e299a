// A temporary file without a name.
#include "app/temporary_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace proapi::detail {
namespace {

// Sets TMPDIR while it exists.
class TemporaryDirectory {
public:
    explicit TemporaryDirectory(const std::string& path) {
        if (const char* const before = std::getenv("TMPDIR")) before_ = before;
        ::setenv("TMPDIR", path.c_str(), 1);
    }
    ~TemporaryDirectory() {
        if (before_.empty()) {
            ::unsetenv("TMPDIR");
        } else {
            ::setenv("TMPDIR", before_.c_str(), 1);
        }
    }

private:
    std::string before_;
};

// promise: form-files
TEST(TemporaryFile, IsWrittenAndMapped) {
    const std::string directory = testing::TempDir() + "temporary_file_test";
    std::filesystem::create_directory(directory);
    {
        const TemporaryDirectory here(directory);
        TemporaryFile file;
        EXPECT_EQ(file.map(), "");
        file.append("some ");
        file.append("");
        file.append("octets");
        EXPECT_EQ(file.size(), 11U);
        EXPECT_EQ(file.map(), "some octets");
        EXPECT_TRUE(std::filesystem::is_empty(directory)) << "it has no name";
    }
    std::filesystem::remove(directory);
}

TEST(TemporaryFile, ALargeOne) {
    std::string_view mapped;
    TemporaryFile file;
    const std::string part(1 << 20, 'a');
    for (int i = 0; i < 17; ++i) file.append(part);
    mapped = file.map();
    EXPECT_EQ(mapped.size(), 17U << 20U);
    EXPECT_EQ(mapped.back(), 'a');
}

TEST(TemporaryFile, WhereThereIsNoDirectory) {
    const TemporaryDirectory here("/no/such/directory");
    EXPECT_THROW(TemporaryFile(), std::system_error);
}

}  // namespace
}  // namespace proapi::detail
