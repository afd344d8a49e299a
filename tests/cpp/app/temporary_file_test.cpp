// A temporary file without a name.
#include "app/temporary_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "base/descriptor.hpp"

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

TEST(TemporaryFile, APartIsCopied) {
    std::string octets(600'000, '\0');
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(i % 251);
    TemporaryFile file;
    file.append(octets);
    const std::string path = testing::TempDir() + "temporary_file_copy";
    const base::Descriptor target(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string_view mapped = file.map();
    file.copy_to(target.get(), mapped.substr(1000, 550'000));
    file.copy_to(target.get(), mapped.substr(600'000));
    std::ifstream copied(path, std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(copied), {}) == octets.substr(1000, 550'000));
    const base::Descriptor unwritable(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_THROW(file.copy_to(unwritable.get(), mapped), std::system_error);
    std::filesystem::remove(path);
}

TEST(TemporaryFile, WhereThereIsNoDirectory) {
    const TemporaryDirectory here("/no/such/directory");
    TemporaryFile file;
    EXPECT_THROW(file.append("a"), std::system_error);
}

}  // namespace
}  // namespace proapi::detail
