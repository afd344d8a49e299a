// run(): its output, the signals that stop it, and its exit status.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <optional>
#include <thread>

#include "client.hpp"

namespace proapi {
namespace {

class Run : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    static void run(const RunOptions& options, int signals) {
        ProAPI app;
        app.websocket("/", [](WebSocketConnection) -> Task<> { co_return; });
        app.get("/", [] { return ""; });
        int ends[2];
        if (::pipe(ends) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) std::abort();
        std::thread([signals, end = ends[0], main = ::pthread_self()] {
            char octet = 0;
            while (octet != '\n' && ::read(end, &octet, 1) == 1) continue;  // the line that says where it serves
            // Not to this one, which ends: ThreadSanitizer keeps signals back, and loses those of a thread that ends.
            for (int i = 0; i < signals; ++i) ::pthread_kill(main, SIGTERM);
        }).detach();
        app.run_or_exit(options);
        std::exit(0);
    }
};

TEST_F(Run, StopsAtASignal) {
    EXPECT_EXIT(run({.port = 0}, 1), testing::ExitedWithCode(0), "");
}

// promise: start-errors-are-one-line
TEST_F(Run, BadOptionsAreOneLineAndStatus1) {
    EXPECT_EXIT(run({.port = 70000}, 0), testing::ExitedWithCode(1), "port: expected 0 to 65535, got 70000");
    EXPECT_EXIT(run({.port = 0, .workers = 0}, 0), testing::ExitedWithCode(1), "workers: expected 1 to");
    EXPECT_EXIT(run({.host = "no such host"}, 0), testing::ExitedWithCode(1), "check host");
}

TEST_F(Run, ABusyPort) {
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    const int port = server.port();
    EXPECT_EXIT(run({.port = port}, 0), testing::ExitedWithCode(1), "can't listen on 127.0.0.1:.*choose another port");
    EXPECT_EXIT(run({.port = port, .workers = 2}, 0), testing::ExitedWithCode(1), "choose another port");
}

// promise: cpp-run-throws
TEST_F(Run, ItThrowsWhatRunOrExitExitsWith) {
    ProAPI app;
    const RunningServer server = app.start({.port = 0});
    EXPECT_THROW(ProAPI().run({.port = server.port()}), std::runtime_error);
    EXPECT_THROW(ProAPI().run({.port = 70000}), std::runtime_error);
    try {
        ProAPI().run({.port = 0, .workers = 0});
        ADD_FAILURE() << "it served";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "workers: expected 1 to 1024, got 0");
    }
}

std::uint16_t read_port(int output) {
    std::string line;  // "ProAPI serves http://127.0.0.1:8000 (Ctrl-C stops)"
    for (char octet = 0; !line.ends_with(" (Ctrl-C"); line += octet)
        if (::read(output, &octet, 1) != 1) std::abort();
    return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
}

// A handler forks a child and ends it by the signal that stops the server.
void run_and_end_a_child() {
    ProAPI app;
    app.get("/", []() -> std::string {
        const pid_t child = ::fork();
        while (child == 0) ::pause();
        ::kill(child, SIGTERM);
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFSIGNALED(status) ? "ended by " + std::to_string(WTERMSIG(status)) : "not ended";
    });
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) std::abort();
    std::thread([end = ends[0], main = ::pthread_self()] {
        const std::uint16_t port = read_port(end);
        for (int i = 0; i < 2; ++i)  // it still serves
            if (test::get_body(test::request(port, "GET", "/")) != "ended by 15") ::_exit(4);
        ::pthread_kill(main, SIGTERM);
    }).detach();
    app.run({.port = 0});
    ::_exit(3);
}

// promise: forked-child-ends
TEST_F(Run, ASignalEndsAForkedChildAndNotTheServer) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer calls no signal handler in a child that one of several threads has forked";
#endif
    EXPECT_EXIT(run_and_end_a_child(), testing::ExitedWithCode(3), "");
}

// A program of its own, since it prints and is stopped by a signal.
void run_and_go_on() {
    std::promise<void> gate;
    {
        ProAPI app;
        app.setting("shutdown_timeout", "0.05");
        app.get("/", [opened = gate.get_future().share()] {
            ::kill(::getpid(), SIGTERM);
            opened.wait();
        });
        int ends[2];
        if (::pipe(ends) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) std::abort();
        std::thread([end = ends[0]] {
            test::Client client(read_port(end));
            client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            static_cast<void>(client.read_response());
        }).detach();
        app.run({.port = 0});
    }
    gate.set_value();  // the handler that was left ends by itself
    std::exit(3);
}

// promise: cpp-run-throws
TEST_F(Run, ItReturnsAndLeavesHandlersThatDoNotEnd) {
    EXPECT_EXIT(run_and_go_on(), testing::ExitedWithCode(3),
                "1 sync handlers did not end within shutdown_timeout: left");
}

struct Wordless : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

// Its stop, which is logged, comes after main().
void leave_a_server_to_the_end() {
    struct Service {
        ProAPI app;
        std::optional<RunningServer> server;
    };
    static Service service;
    service.app.setting("shutdown_timeout", "0");
    service.app.get("/wrong", []() -> std::string { throw Wordless(); });
    service.app.get("/", []() -> Task<> {
        while (true) {
            try {
                co_await sleep(std::chrono::hours(1));
            } catch (const Cancelled&) {  // until it is taken away
            }
        }
    });
    service.server = service.app.start({.port = 0});
    static_cast<void>(test::request(service.server->port(), "GET", "/wrong"));
    static test::Client client(service.server->port());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::exit(3);
}

TEST_F(Run, AStaticServerStopsAfterMain) {
    EXPECT_EXIT(leave_a_server_to_the_end(), testing::ExitedWithCode(3), "");
}

// A program of its own, since it prints and is stopped by a signal.
void run_twice_at_once() {
    ProAPI app, other;
    std::string refused;
    app.background([&]() -> Task<> {
        try {
            other.run({.port = 0});
        } catch (const std::runtime_error& error) {
            refused = error.what();
        }
        ::kill(::getpid(), SIGTERM);
        co_return;
    });
    app.run({.port = 0});
    std::cerr << refused;
    ::_exit(3);
}

TEST_F(Run, OneAtATime) {
    EXPECT_EXIT(run_twice_at_once(), testing::ExitedWithCode(3), "one run\\(\\) at a time in a process");
}

// A program of its own. What runs in its background sends the second signal once the first has begun the stop.
void run_until_the_second_signal() {
    ProAPI app;
    app.setting("shutdown_timeout", "60");
    app.background([]() -> Task<> {
        ::kill(::getpid(), SIGTERM);
        try {
            co_await sleep(std::chrono::hours(1));
        } catch (const Cancelled&) {
        }
        ::kill(::getpid(), SIGINT);
        co_await sleep(std::chrono::hours(1));
    });
    app.run({.port = 0});
    ::_exit(3);
}

TEST_F(Run, ASecondSignalEndsItAtOnce) {
    EXPECT_EXIT(run_until_the_second_signal(), testing::ExitedWithCode(128 + SIGINT), "");
}

// As for a job in the background, or under nohup.
void run_with_an_ignored_signal() {
    ::signal(SIGINT, SIG_IGN);
    ProAPI app;
    app.background([]() -> Task<> {
        ::kill(::getpid(), SIGINT);
        co_await sleep(std::chrono::milliseconds(0));
        ::kill(::getpid(), SIGTERM);
    });
    app.run({.port = 0});
    struct sigaction interrupt{}, terminate{};
    ::sigaction(SIGINT, nullptr, &interrupt);
    ::sigaction(SIGTERM, nullptr, &terminate);
    if (interrupt.sa_handler != SIG_IGN || terminate.sa_handler != SIG_DFL) ::_exit(4);
    ::kill(::getpid(), SIGTERM);  // as before run()
}

TEST_F(Run, LeavesIgnoredSignalsAloneAndRestoresTheOthers) {
    EXPECT_EXIT(run_with_an_ignored_signal(), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace proapi
