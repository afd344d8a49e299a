// The program's operator new, replaced: allocations are counted, and a chosen one fails. Include it in one file of a
// program.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace proapi::tests {

inline std::size_t allocations = 0, allocated_bytes = 0;
// Counts down to the allocation that fails; below zero: none does.
inline long until_failure = -1;
inline bool has_failed = false;

inline void* allocate(std::size_t size) {
    ++allocations;
    allocated_bytes += size;
    if (until_failure >= 0 && until_failure-- == 0) {
        has_failed = true;
        throw std::bad_alloc{};
    }
    void* block = std::malloc(size == 0 ? 1 : size);
    if (block == nullptr) throw std::bad_alloc{};
    return block;
}

}  // namespace proapi::tests

void* operator new(std::size_t size) {
    return proapi::tests::allocate(size);
}
void* operator new[](std::size_t size) {
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
