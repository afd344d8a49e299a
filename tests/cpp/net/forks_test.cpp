// net/forks: which of its parent's sockets a forked child has.
#include "net/forks.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace proapi::net {
namespace {

int open_descriptors() {
    DIR* const folder = ::opendir("/proc/self/fd");
    int count = 0;
    while (::readdir(folder)) ++count;
    ::closedir(folder);
    return count;
}

bool is_socket(int descriptor) {
    struct stat found{};
    return ::fstat(descriptor, &found) == 0 && S_ISSOCK(found.st_mode);
}

// Returns the exit status of a child that runs `call`.
template <class IoRequest>
int status_of_child(IoRequest call) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(call());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

TEST(Forks, AChildHasNoneOfTheSocketsThatAreKeptFromIt) {
    watch_forks();
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    set_close_on_fork(ends[0]);
    const int before = open_descriptors();
    // The child has the descriptor number, but not as a socket, and no additional descriptors.
    EXPECT_EQ(status_of_child([&] { return is_socket(ends[0]) + 2 * is_socket(ends[1]); }), 2);
    EXPECT_EQ(status_of_child([&] { return open_descriptors() - before; }), 0);
    clear_close_on_fork(ends[0]);
    EXPECT_EQ(status_of_child([&] { return is_socket(ends[0]) + 2 * is_socket(ends[1]); }), 3);
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace proapi::net
