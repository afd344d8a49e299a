#include "base/heap.hpp"

#include <cstdlib>
#include <initializer_list>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace proapi::base {

namespace {

constexpr int max_from_heap_bytes = 4 * 1024 * 1024;
constexpr int max_kept_bytes = 16 * 1024 * 1024;

[[nodiscard]] bool has_own_settings() noexcept {
    for (const char* name : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"})
        if (std::getenv(name)) return true;
    return false;
}

bool set_thresholds() noexcept {
#ifdef __GLIBC__
    if (has_own_settings()) return false;
    return ::mallopt(M_MMAP_THRESHOLD, max_from_heap_bytes) == 1 && ::mallopt(M_TRIM_THRESHOLD, max_kept_bytes) == 1;
#else
    return false;
#endif
}

}  // namespace

void keep_freed_memory() noexcept {
    [[maybe_unused]] static const bool is_set = set_thresholds();
}

}  // namespace proapi::base
