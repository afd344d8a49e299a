// Forks of this process. A child shares the kernel objects behind its descriptors and must leave them alone; of sockets
// it must not even have a copy. A copy of a listening socket would keep taking its share of the clients after the
// process that accepts them has ended, and a copy of a connection would keep it open.
#pragma once

namespace proapi::net {

namespace detail {
extern volatile unsigned fork_count;
}

// The number of forks between this process and its ancestor that first called watch_forks(): a child has one more than
// its parent. Any thread; costs one load.
[[nodiscard]] inline unsigned fork_count() noexcept {
    return detail::fork_count;
}
// Starts counting forks. Further calls do nothing.
void watch_forks() noexcept;
// Registers an open socket: children that are forked from now on have no copy of it, so that it ends with this process.
// Any thread.
void set_close_on_fork(int socket) noexcept;
// Call before the socket is closed.
void clear_close_on_fork(int socket) noexcept;
// Ends a forked child that has returned from a handler: writes one line to stderr and exits with status 1, without
// flushing or destroying anything.
[[noreturn]] void end_forked_child() noexcept;

}  // namespace proapi::net
