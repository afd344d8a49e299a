// Unix sockets that listen: their file, its mode, what is at their path before and after.
#include "net/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace proapi::net {
namespace {

constexpr int backlog = 16;

class UnixSocketTest : public ::testing::Test {
protected:
    UnixSocketTest() {
        char pattern[] = "/tmp/unix-XXXXXX";
        folder = ::mkdtemp(pattern);
        path = folder + "/app.sock";
    }
    ~UnixSocketTest() override { std::filesystem::remove_all(folder); }

    static UnixSocket listen_on(const std::string& name, mode_t mode = 0666) {
        auto opened = listen_on_unix_socket(name, mode, backlog);
        EXPECT_TRUE(opened) << opened.error().text;
        return *std::move(opened);
    }
    static ListenError refusal_of(const std::string& name) {
        auto opened = listen_on_unix_socket(name, 0666, backlog);
        EXPECT_FALSE(opened);
        return opened ? ListenError{} : opened.error();
    }
    // Returns 0, or the error number of connect().
    static int try_to_connect(const std::string& name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.front() == '@') address.sun_path[0] = '\0';
        const auto length = offsetof(sockaddr_un, sun_path) + name.size() + (name.front() == '@' ? 0 : 1);
        const base::Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        return ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length)) == 0
                   ? 0
                   : errno;
    }
    [[nodiscard]] static mode_t mode_of(const std::string& name) {
        struct stat file{};
        EXPECT_EQ(::lstat(name.c_str(), &file), 0) << name;
        EXPECT_TRUE(S_ISSOCK(file.st_mode));
        return file.st_mode & 0777;
    }
    [[nodiscard]] std::ptrdiff_t count_files() const {
        return std::distance(std::filesystem::directory_iterator(folder), {});
    }
    // A server that has died without removing its file.
    void leave_stale_file() const {
        UnixSocket dead = listen_on(path);
        ASSERT_EQ(::rename(path.c_str(), (path + ".kept").c_str()), 0);
        dead = {};  // finds no file of its own
        ASSERT_EQ(::rename((path + ".kept").c_str(), path.c_str()), 0);
        ASSERT_EQ(try_to_connect(path), ECONNREFUSED);
    }

    std::string folder, path;
};

TEST_F(UnixSocketTest, ListensAndRemovesItsFile) {
    {
        const UnixSocket opened = listen_on(path);
        EXPECT_EQ(opened.address, (base::Address{"unix:" + path, 0}));
        EXPECT_EQ(try_to_connect(path), 0);
        EXPECT_EQ(count_files(), 1) << "no temporary name is left";
    }
    EXPECT_EQ(count_files(), 0);
}

// promise: unix-socket-mode
TEST_F(UnixSocketTest, HasTheModeWhateverTheUmask) {
    const mode_t before = ::umask(0077);
    const UnixSocket all = listen_on(path);
    const UnixSocket group = listen_on(folder + "/group", 0660);
    ::umask(0);
    const UnixSocket owner = listen_on(folder + "/owner", 0600);
    ::umask(before);
    EXPECT_EQ(mode_of(path), 0666U);
    EXPECT_EQ(mode_of(folder + "/group"), 0660U);
    EXPECT_EQ(mode_of(folder + "/owner"), 0600U);
}

// promise: stale-unix-socket
TEST_F(UnixSocketTest, ReplacesTheFileOfAServerThatDied) {
    leave_stale_file();
    const UnixSocket opened = listen_on(path, 0600);
    EXPECT_EQ(try_to_connect(path), 0);
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(count_files(), 1);
}

// promise: live-unix-socket
TEST_F(UnixSocketTest, LeavesALiveServerAlone) {
    const UnixSocket live = listen_on(path);
    const ListenError error = refusal_of(path);
    EXPECT_EQ(error.code, std::errc::address_in_use);
    EXPECT_EQ(error.text,
              "can't listen on unix:" + path + ": another process listens there; stop it or choose another path");
    EXPECT_EQ(try_to_connect(path), 0);
    EXPECT_EQ(count_files(), 1);
}

TEST_F(UnixSocketTest, AServerWhoseQueueIsFullLives) {
    const UnixSocket live = *listen_on_unix_socket(path, 0666, 0);
    std::vector<base::Descriptor> waiting;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    do {
        waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        ASSERT_LT(waiting.size(), 100U);
    } while (::connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ASSERT_EQ(errno, EAGAIN);
    EXPECT_EQ(refusal_of(path).code, std::errc::address_in_use);
}

TEST_F(UnixSocketTest, NeverReplacesWhatIsNoSocket) {
    std::ofstream(path) << "kept";
    EXPECT_NE(refusal_of(path).text.find("a file that is not a socket is there"), std::string::npos);
    std::string content;
    std::ifstream(path) >> content;
    EXPECT_EQ(content, "kept");
    EXPECT_EQ(count_files(), 1);
    std::filesystem::create_symlink(path, folder + "/link");
    EXPECT_NE(refusal_of(folder + "/link").text.find("not a socket"), std::string::npos) << "links are not followed";
}

TEST_F(UnixSocketTest, ASocketOfAnotherTypeIsInUse) {
    const base::Descriptor datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(datagrams.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(refusal_of(path).code, std::errc::address_in_use);
}

TEST_F(UnixSocketTest, TheFileOfAnotherServerIsNotRemoved) {
    UnixSocket first = listen_on(path);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    const UnixSocket second = listen_on(path);
    first.file.remove();
    EXPECT_EQ(try_to_connect(path), 0);
}

TEST_F(UnixSocketTest, AForkedChildDoesNotRemoveIt) {
    UnixSocket opened = listen_on(path);
    const pid_t child = ::fork();
    if (child == 0) {
        opened.file.remove();
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(try_to_connect(path), 0);
}

TEST_F(UnixSocketTest, PathsOfEveryLength) {
    for (const std::size_t length :
         {folder.size() + 2, std::size_t{100}, std::size_t{101}, std::size_t{106}, max_unix_path}) {
        const std::string name = folder + "/" + std::string(length - folder.size() - 1, 'x');
        const UnixSocket opened = listen_on(name);
        EXPECT_EQ(try_to_connect(name), 0) << length;
        EXPECT_EQ(count_files(), 1);
    }
    // The folder takes all but one octet, so that the temporary name has only one to choose.
    const std::string deep = folder + "/" + std::string(max_unix_path - folder.size() - 3, 'd');
    ASSERT_TRUE(std::filesystem::create_directory(deep));
    const UnixSocket opened = listen_on(deep + "/s");
    EXPECT_EQ(try_to_connect(deep + "/s"), 0);
}

TEST_F(UnixSocketTest, SaysWhatIsWrongWithAPath) {
    const std::string long_path = "/tmp/" + std::string(max_unix_path - 4, 'x');
    EXPECT_EQ(refusal_of(long_path).text,
              "uds: expected the path of a socket, at most 107 octets, got 108 octets: " + long_path);
    EXPECT_NE(refusal_of(folder + "/").text.find("a folder"), std::string::npos);
    EXPECT_NE(refusal_of(std::string("/tmp/a\0b", 8)).text.find("a zero octet"), std::string::npos);
    EXPECT_NE(refusal_of("").text.find("got none"), std::string::npos);
    const ListenError missing = refusal_of(folder + "/missing/app.sock");
    EXPECT_EQ(missing.code, std::errc::no_such_file_or_directory);
    EXPECT_NE(missing.text.find("check that its folder exists"), std::string::npos);
}

TEST_F(UnixSocketTest, ARelativePath) {
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
    {
        const UnixSocket opened = listen_on("app.sock");
        EXPECT_EQ(try_to_connect(path), 0);
    }
    EXPECT_EQ(count_files(), 0);
    std::filesystem::current_path(before);
}

// promise: abstract-unix-socket
TEST_F(UnixSocketTest, AnAbstractNameHasNoFile) {
    const std::string name = "@proapi-test-" + std::to_string(::getpid());
    {
        const UnixSocket opened = listen_on(name);
        EXPECT_EQ(opened.address.host, "unix:" + name);
        EXPECT_EQ(describe_unix_socket(opened.socket.get()), "unix:" + name);
        EXPECT_EQ(try_to_connect(name), 0);
        EXPECT_EQ(refusal_of(name).code, std::errc::address_in_use);
    }
    const UnixSocket again = listen_on(std::string(1, '\0') + name.substr(1));
    EXPECT_EQ(try_to_connect(name), 0);
}

TEST_F(UnixSocketTest, NamesOfBoundSockets) {
    const base::Descriptor unnamed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(describe_unix_socket(unnamed.get()), "unix");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(unnamed.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(describe_unix_socket(unnamed.get()), "unix:" + path);
    EXPECT_EQ(describe_unix_socket(-1), "unix");
}

}  // namespace
}  // namespace proapi::net
