// Forks of this process: what belongs to the kernel behind a descriptor is shared with a child, which must leave it
// alone; and of sockets it must not even have a copy. A listening socket would go on to take its share of the clients
// after the end of the process that accepts them, and a connection would not end.
#pragma once

namespace proapi::net {

namespace detail {
extern volatile unsigned fork_count;
}

// How many forks lie between this process and its ancestor that called watch_forks() first: a child has one more than
// its parent. Any thread; a load.
[[nodiscard]] inline unsigned fork_count() noexcept {
    return detail::fork_count;
}
// Makes forks count from now on. Calling again does nothing.
void watch_forks() noexcept;
// An open socket: children that are forked from now on do not have it, so that it ends with this process. Any thread.
void keep_from_children(int socket) noexcept;
// Before it is closed.
void end_keeping(int socket) noexcept;
// Ends a forked child that has come back from a handler: one line on stderr, status 1, nothing is flushed or destroyed.
[[noreturn]] void end_forked_child() noexcept;

}  // namespace proapi::net
