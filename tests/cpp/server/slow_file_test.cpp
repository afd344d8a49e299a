// A file on a slow disk: its response waits for it, and nobody else does.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "local_server.hpp"
#include "server/exchange.hpp"
#include "slow_disk.hpp"

namespace proapi::server {
namespace {

using tests::slow_disk;

class Answering final : public Application {
public:
    void on_websocket(base::IntrusivePtr<WebSocket>) override {}
    void on_request(base::IntrusivePtr<Exchange> exchange) override {
        static_cast<void>(exchange->respond(200, {}, "answer"));
    }
};

class SlowFiles : public testing::Test {
protected:
    SlowFiles() {
        char name[] = "/tmp/slow_file_test.XXXXXX";
        directory = ::mkdtemp(name);
        for (std::size_t i = 0; i < size; ++i) content += static_cast<char>('a' + i % 23);
        std::ofstream(directory + "/large.bin") << content;
        served.site.routes.push_back({.kind = Route::Kind::files, .settings = {}, .directory = directory});
        EXPECT_EQ(served.site.router.add("GET", "/files/{file:path}", 2), "");
        slow_disk.error = 0;
        slow_disk.release();
    }
    ~SlowFiles() override {
        slow_disk.release();
        served.server.reset();
        std::filesystem::remove_all(directory);
    }

    net::Descriptor ask_for_the_file() {
        net::Descriptor socket = served.connect();
        served.turns();
        served.send(socket.get(), "GET /files/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return socket;
    }
    std::string answer_to_another() {
        const net::Descriptor socket = served.connect();
        served.turns();
        served.send(socket.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return test::LocalServer::received(socket.get());
    }
    // All that comes until so many octets of a body have, or the connection ends.
    std::string read_on(int fd, std::string all, std::size_t body) {
        std::string part(100'000, '\0');
        while (true) {
            const std::size_t head = all.find("\r\n\r\n");
            if (head != std::string::npos && all.size() >= head + 4 + body) return all;
            const ssize_t count = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
            if (count == 0 || (count < 0 && errno != EAGAIN)) return all;
            if (count > 0) all.append(part, 0, static_cast<std::size_t>(count));
            if (count < 0) served.reactor.turn(net::Duration(10));
        }
    }

    static constexpr std::size_t size = 300'000;
    std::string directory, content;
    Answering application;
    test::LocalServer served{application};
};

TEST_F(SlowFiles, HoldNobodyElse) {
    slow_disk.hold();
    const net::Descriptor socket = ask_for_the_file();
    EXPECT_TRUE(answer_to_another().ends_with("answer"));
    const std::string head = test::LocalServer::received(socket.get());
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    slow_disk.release();
    EXPECT_TRUE(read_on(socket.get(), head, size).ends_with("\r\n\r\n" + content));
    served.send(socket.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(test::LocalServer::received(socket.get()).ends_with("answer"));
}

TEST_F(SlowFiles, AreLeftWhenTheirClientLeaves) {
    slow_disk.hold();
    const int begun = slow_disk.begun(), ended = slow_disk.ended();
    {
        const net::Descriptor socket = ask_for_the_file();
        while (slow_disk.begun() == begun) std::this_thread::yield();
        const linger at_once{1, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    served.turns();
    EXPECT_EQ(served.server->counts().open, 0U);
    slow_disk.release();
    while (slow_disk.ended() == ended) std::this_thread::yield();
    EXPECT_TRUE(answer_to_another().ends_with("answer"));
}

TEST_F(SlowFiles, DoNotHoldTheServersEnd) {
    slow_disk.hold();
    const int begun = slow_disk.begun();
    const net::Descriptor socket = ask_for_the_file();
    while (slow_disk.begun() == begun) std::this_thread::yield();
    served.server.reset();
    EXPECT_EQ(read_on(socket.get(), {}, size).find("\r\n\r\na"), std::string::npos);
}

TEST_F(SlowFiles, ThatCanNotBeReadCutTheirResponse) {
    slow_disk.error = EIO;
    const net::Descriptor socket = ask_for_the_file();
    const std::string all = read_on(socket.get(), {}, size);
    EXPECT_NE(all.find("Content-Length: 300000\r\n"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;  // and the connection has ended
}

}  // namespace
}  // namespace proapi::server
