#include "app/temporary_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace proapi::detail {

namespace {

constexpr std::uint64_t large_bytes = 16 << 20;  // to give back its blocks takes long

[[nodiscard]] base::Descriptor open_nameless() {
    const std::filesystem::path directory = std::filesystem::temp_directory_path();
    if (base::Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR)); file)
        return file;
    // Not every file system can do that.
    std::string name = directory / "proapi-XXXXXX";
    base::Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file) base::throw_errno("a temporary file");
    ::unlink(name.c_str());
    return file;
}

void release(base::Descriptor file, void* mapped, std::uint64_t size) noexcept {
    if (mapped) ::munmap(mapped, size);
    file.reset();
}

}  // namespace

TemporaryFile::TemporaryFile() : file_(open_nameless()) {}

TemporaryFile::~TemporaryFile() {
    if (size_ > large_bytes) {
        try {
            auto file = std::make_shared<base::Descriptor>(std::move(file_));
            std::thread([file, mapped = std::exchange(mapped_, nullptr), size = size_] {
                release(std::move(*file), mapped, size);
            }).detach();
            return;
        } catch (const std::exception&) {  // no thread, or no memory: it takes long
        }
    }
    release(std::move(file_), mapped_, size_);
}

void TemporaryFile::append(std::string_view octets) {
    while (!octets.empty()) {
        const ssize_t written = ::pwrite(file_.get(), octets.data(), octets.size(), static_cast<off_t>(size_));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) base::throw_errno("a temporary file");
        size_ += static_cast<std::uint64_t>(written);
        octets.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string_view TemporaryFile::map() {
    if (size_ == 0) return {};
    void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (mapped == MAP_FAILED) base::throw_errno("a temporary file");
    mapped_ = mapped;
    return {static_cast<const char*>(mapped_), size_};
}

}  // namespace proapi::detail
