// Replaces the program's operator new: allocations are counted per thread, and may fail on request. Include it in one
// file of a program.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace proapi::tests {

inline thread_local std::size_t allocations = 0, allocated_bytes = 0;
// The number of allocations until one fails. None fails if it is negative.
inline thread_local long until_failure = -1;
inline thread_local bool has_failed = false;
// A larger allocation fails.
inline thread_local std::size_t largest_block = std::numeric_limits<std::size_t>::max();

inline void* allocate(std::size_t size) noexcept {
    ++allocations;
    allocated_bytes += size;
    if (size > largest_block) return nullptr;
    if (until_failure >= 0 && until_failure-- == 0) {
        has_failed = true;
        return nullptr;
    }
    return std::malloc(size == 0 ? 1 : size);
}

inline void* allocate_or_throw(std::size_t size) {
    void* block = allocate(size);
    if (block == nullptr) throw std::bad_alloc{};
    return block;
}

}  // namespace proapi::tests

void* operator new(std::size_t size) {
    return proapi::tests::allocate_or_throw(size);
}
void* operator new[](std::size_t size) {
    return proapi::tests::allocate_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return proapi::tests::allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return proapi::tests::allocate(size);
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete[](void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    std::free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
    std::free(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
    std::free(block);
}
