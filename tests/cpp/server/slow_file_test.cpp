// A file on a slow disk: only its own response waits for it.
// promise: slow-disks
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "local_server.hpp"
#include "service/exchange.hpp"
#include "tests/cpp/error_text.hpp"
#include "tests/cpp/replaced_new.hpp"
#include "tests/cpp/slow_disk.hpp"

namespace proapi::server {
namespace {

using tests::slow_disk;

class Answering final : public service::Application {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        static_cast<void>(exchange->respond(200, {}, "answer"));
    }
};

class SlowFiles : public testing::Test {
protected:
    SlowFiles() {
        directory = testing::TempDir() + "slow_file_test.XXXXXX";
        if (!::mkdtemp(directory.data())) std::abort();
        for (std::size_t i = 0; i < size; ++i) content += static_cast<char>('a' + i % 23);
        std::ofstream(directory + "/large.bin") << content;
        service::Route& route = served.site.routes.emplace_back();
        route.kind = service::Route::Kind::files;
        route.directory = directory;
        EXPECT_EQ(error_text(served.site.router.add("GET", "/files/{file:path}", 2)), "");
        slow_disk.error = 0;
        slow_disk.release();
    }
    ~SlowFiles() override {
        slow_disk.release();
        served.server.reset();
        std::filesystem::remove_all(directory);
    }

    base::Descriptor ask_for_the_file() {
        base::Descriptor socket = served.connect();
        served.turns();
        served.send(socket.get(), request);
        return socket;
    }
    std::string answer_to_another() {
        const base::Descriptor socket = served.connect();
        served.turns();
        served.send(socket.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return test::LocalServer::received(socket.get());
    }
    // Reads until `body` octets of the body have arrived or the connection ends. Returns everything, including `all`.
    std::string read_on(int fd, std::string all, std::size_t body) {
        std::string part(100'000, '\0');
        EXPECT_TRUE(tests::soon([&] {
            const std::size_t head = all.find("\r\n\r\n");
            if (head != std::string::npos && all.size() >= head + 4 + body) return true;
            const ssize_t count = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
            if (count == 0 || (count < 0 && errno != EAGAIN)) return true;
            if (count > 0) all.append(part, 0, static_cast<std::size_t>(count));
            if (count < 0) served.reactor.turn(net::Duration(10));
            return false;
        }));
        return all;
    }
    void reset(const base::Descriptor& socket) {
        const linger at_once{1, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }

    static constexpr std::size_t size = 300'000;
    const std::string request = "GET /files/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::string directory, content;
    Answering application;
    test::LocalServer served{application};
};

TEST_F(SlowFiles, HoldNobodyElse) {
    slow_disk.hold();
    const base::Descriptor socket = ask_for_the_file();
    EXPECT_TRUE(answer_to_another().ends_with("answer"));
    const std::string head = test::LocalServer::received(socket.get());
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    slow_disk.release();
    EXPECT_TRUE(read_on(socket.get(), head, size).ends_with("\r\n\r\n" + content));
    served.send(socket.get(), "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(test::LocalServer::received(socket.get()).ends_with("answer"));
}

// A read that hangs in the kernel keeps its descriptor, and counts. A read that waits for a thread does not.
TEST_F(SlowFiles, AreLeftWhenTheirClientLeaves) {
    slow_disk.hold();
    const int begun = slow_disk.begun();
    {
        std::vector<base::Descriptor> sockets;
        for (int i = 0; i < 10; ++i) sockets.push_back(ask_for_the_file());
        ASSERT_TRUE(tests::soon([&] { return slow_disk.begun() == begun + 2; }));
        EXPECT_NE(served.server->limit()->describe().find(" and 10 files"), std::string::npos);
        for (const base::Descriptor& socket : sockets) reset(socket);
    }
    served.turns();
    EXPECT_EQ(served.server->counts().open, 0U);
    EXPECT_NE(served.server->limit()->describe().find(" and 2 files"), std::string::npos);
    slow_disk.release();
    EXPECT_TRUE(tests::soon([&] {
        served.turns();
        return served.server->limit()->describe().find(" and 0 files") != std::string::npos;
    }));
    EXPECT_TRUE(answer_to_another().ends_with("answer"));
}

TEST_F(SlowFiles, DoNotHoldTheServersEnd) {
    slow_disk.hold();
    const int begun = slow_disk.begun(), ended = slow_disk.ended();
    const base::Descriptor socket = ask_for_the_file();
    ASSERT_TRUE(tests::soon([&] { return slow_disk.begun() > begun; }));
    served.server.reset();
    EXPECT_EQ(slow_disk.ended(), ended);
    EXPECT_TRUE(read_on(socket.get(), {}, size).ends_with("\r\n\r\n"));  // the head, and then the end
}

TEST_F(SlowFiles, ThatGiveNothingWithinWriteTimeoutCutTheirResponse) {
    served.site.settings.write_timeout = service::Duration(50);
    served.start();
    slow_disk.hold();
    const base::Descriptor socket = ask_for_the_file();
    EXPECT_TRUE(read_on(socket.get(), {}, size).ends_with("\r\n\r\n"));
}

// The timeout applies to each part separately.
TEST_F(SlowFiles, MayTakeLongerThanThatInAll) {
    served.site.settings.write_timeout = service::Duration(400);
    served.start();
    const base::Descriptor socket = ask_for_the_file();
    std::string all;
    for (std::size_t part = 64 * 1024; part < size; part += 64 * 1024) {
        slow_disk.hold();
        const auto begin = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(150))
            served.reactor.turn(net::Duration(10));
        slow_disk.release();
        all = read_on(socket.get(), std::move(all), part);
    }
    EXPECT_TRUE(read_on(socket.get(), all, size).ends_with("\r\n\r\n" + content));
}

TEST_F(SlowFiles, CostOneConnectionAtTheMostWhereMemoryFails) {
    long most = 0;
    for (bool has_failed = true; has_failed; ++most) {
        ASSERT_LT(most, 1000);
        served.start();
        slow_disk.hold();
        const base::Descriptor first = ask_for_the_file(), second = served.connect();
        served.turns();
        tests::has_failed = false;
        tests::until_failure = most;
        served.send(second.get(), request);
        tests::until_failure = -1;
        has_failed = tests::has_failed;
        slow_disk.release();
        EXPECT_TRUE(read_on(first.get(), {}, size).ends_with(content));
        const std::string all = read_on(second.get(), {}, size);
        EXPECT_TRUE(has_failed || all.ends_with(content)) << all.size();
        EXPECT_TRUE(answer_to_another().ends_with("answer"));
    }
    EXPECT_GT(most, 10);
}

TEST_F(SlowFiles, ThatCanNotBeReadCutTheirResponse) {
    slow_disk.error = EIO;
    const base::Descriptor socket = ask_for_the_file();
    const std::string all = read_on(socket.get(), {}, size);
    EXPECT_NE(all.find("Content-Length: 300000\r\n"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;  // and the connection has ended
}

}  // namespace
}  // namespace proapi::server
