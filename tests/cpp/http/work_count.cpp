// Replaces memchr and operator new by versions that count what they are asked for, per thread.
#include "work_count.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local proapi::http::Work work;

}  // namespace

namespace proapi::http {

void reset_work() noexcept {
    work = {};
}
Work work_done() noexcept {
    return work;
}

}  // namespace proapi::http

// The linker's --wrap requires these names.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" void* __real_memchr(const void* text, int octet, std::size_t size);
extern "C" void* __wrap_memchr(const void* text, int octet, std::size_t size);

extern "C" void* __wrap_memchr(const void* text, int octet, std::size_t size) {
    void* const found = __real_memchr(text, octet, size);
    const std::size_t looked_at =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - static_cast<const char*>(text)) + 1 : size;
    work.searched_bytes += looked_at;
    ++work.searches;
    return found;
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

[[gnu::noinline]] void* operator new(std::size_t size) {
    work.allocated_bytes += size;
    ++work.allocations;
    if (void* const block = std::malloc(size > 0 ? size : 1)) return block;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}
