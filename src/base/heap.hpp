// How the C library's allocator treats freed memory. By default it returns large pieces to the kernel at once, and gets
// them again, page by page and cleared, for the next message of that size: half of the cost of echoing 256 KiB.
#pragma once

namespace proapi::base {

// Lets glibc keep up to 16 MiB of freed memory per arena, and take pieces of up to 4 MiB from it. Acts once per
// process; call it before the process serves. Does nothing if the environment configures the allocator
// (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) or the C library is not glibc. Any thread.
void keep_freed_memory() noexcept;

}  // namespace proapi::base
