// What the C library's allocator does with memory that is freed. By default it gives large pieces back to the kernel at
// once, and gets them anew, page by page and cleared, for the next message of that size: that is half of the cost of
// echoing 256 KiB.
#pragma once

namespace proapi::base {

// Lets glibc keep up to 16 MiB of freed memory an arena, and take pieces of up to 4 MiB from it. Once a process, before
// it serves; does nothing where the environment has settings of its own (MALLOC_TRIM_THRESHOLD_,
// MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) or the C library is another one. Any thread.
void keep_freed_memory() noexcept;

}  // namespace proapi::base
