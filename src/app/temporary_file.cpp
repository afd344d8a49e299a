#include "app/temporary_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/descriptor.hpp"

namespace proapi::detail {

namespace {

constexpr std::uint64_t large_bytes = 16 << 20;  // to give back its blocks takes long
constexpr std::size_t copied_bytes = 1 << 18;    // at once

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

}  // namespace

struct TemporaryFile::Open {
    Open() = default;
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() {
        if (mapped) ::munmap(mapped, size);
    }

    base::Descriptor file;
    std::uint64_t size = 0;
    void* mapped = nullptr;
};

TemporaryFile::TemporaryFile() : open_(std::make_shared<Open>()) {}

TemporaryFile::~TemporaryFile() {
    if (open_->size <= large_bytes) return;
    try {
        std::thread([open = std::move(open_)] {}).detach();
    } catch (const std::exception&) {  // ignored: without a thread it is closed here
    }
}

void TemporaryFile::append(std::string_view octets) {
    if (!open_->file) open_->file = open_nameless();
    while (!octets.empty()) {
        const auto at = static_cast<off_t>(open_->size);
        const ssize_t written = ::pwrite(open_->file.get(), octets.data(), octets.size(), at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) base::throw_errno("a temporary file");
        open_->size += static_cast<std::uint64_t>(written);
        octets.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string_view TemporaryFile::map() {
    if (open_->size == 0) return {};
    void* const mapped = ::mmap(nullptr, open_->size, PROT_READ, MAP_SHARED, open_->file.get(), 0);
    if (mapped == MAP_FAILED) base::throw_errno("a temporary file");
    open_->mapped = mapped;
    return {static_cast<const char*>(mapped), open_->size};
}

void TemporaryFile::copy_to(int target, std::string_view part) const {
    auto at = static_cast<off_t>(part.data() - static_cast<const char*>(open_->mapped));
    std::string buffer(std::min(part.size(), copied_bytes), '\0');
    for (std::size_t left = part.size(); left > 0;) {
        const ssize_t count = ::pread(open_->file.get(), buffer.data(), std::min(left, buffer.size()), at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) base::throw_errno("a temporary file");
        write_all(target, {buffer.data(), static_cast<std::size_t>(count)});
        at += count;
        left -= static_cast<std::size_t>(count);
    }
}

void write_all(int target, std::string_view octets) {
    while (!octets.empty()) {
        const ssize_t written = ::write(target, octets.data(), octets.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) base::throw_errno("write()");
        octets.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace proapi::detail
