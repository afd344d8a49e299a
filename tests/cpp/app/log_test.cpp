// The framework's own lines: where they go, how they look, and that nobody waits for who does not read them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "app/log.hpp"
#include "base/descriptor.hpp"
#include "client.hpp"

namespace proapi {
namespace {

using detail::describe;

std::string describe_thrown(const auto& throws) {
    try {
        throws();
    } catch (...) {
        return describe(std::current_exception());
    }
    return "none";
}

// One without a text.
struct HasNoText : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

TEST(Log, AnExceptionIsDescribedByItsText) {
    EXPECT_EQ(describe_thrown([] { throw std::runtime_error("no such table"); }), "no such table");
    EXPECT_EQ(describe_thrown([] { throw std::runtime_error("a\nb\x1b\xff"); }), "a\\x0ab\\x1b\\xff");
    EXPECT_EQ(describe_thrown([] { throw HasNoText(); }), "an exception without a text");
    EXPECT_EQ(describe_thrown([] { throw 5; }), "an exception that is not a std::exception");
    EXPECT_EQ(describe_thrown([] { throw Cancelled(); }), "an exception that is not a std::exception");
    const std::string all = describe_thrown([] { throw std::runtime_error(std::string(1024, 'x')); });
    EXPECT_EQ(all, std::string(1024, 'x'));
    const std::string cut = describe_thrown([] { throw std::runtime_error(std::string(100'000, 'x')); });
    EXPECT_TRUE(cut.starts_with(all)) << cut;
    EXPECT_LT(cut.size(), 1100U);
}

TEST(Log, AnExceptionWithoutATextIsLogged) {
    ProAPI app;
    app.get("/", []() -> std::string { throw HasNoText(); });
    const RunningServer server = app.start({.port = 0});
    testing::internal::CaptureStderr();
    EXPECT_EQ(test::status_of(test::request(static_cast<std::uint16_t>(server.port()), "GET", "/")), 500);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("an exception without a text"), std::string::npos);
}

// Everything that the logger is told while it lives, each line with its level before.
class Recorded {
public:
    Recorded() {
        sink_->set_pattern("%l %v");
        detail::logger().sinks().push_back(sink_);
    }
    ~Recorded() { detail::logger().sinks().pop_back(); }
    Recorded(const Recorded&) = delete;
    Recorded& operator=(const Recorded&) = delete;
    [[nodiscard]] std::string text() const { return stream_.str(); }

private:
    std::ostringstream stream_;
    std::shared_ptr<spdlog::sinks::ostream_sink_st> sink_ = std::make_shared<spdlog::sinks::ostream_sink_st>(stream_);
};

TEST(Log, TheEnginesLinesKeepTheirLevelAndAreNoFormats) {
    testing::internal::CaptureStderr();
    std::string text;
    {
        const Recorded recorded;
        detail::EngineLog log;
        log.write(service::LogLevel::debug, "debug {}");  // below the logger's own level
        log.write(service::LogLevel::info, "info {}");
        log.write(service::LogLevel::warning, "warning {0}");
        log.write(service::LogLevel::error, "error {");
        text = recorded.text();
    }
    EXPECT_EQ(text, "info info {}\nwarning warning {0}\nerror error {\n");
    const std::string standard_error = testing::internal::GetCapturedStderr();
    EXPECT_NE(standard_error.find("[proapi] [warning] warning {0}\n"), std::string::npos) << standard_error;
}

// Standard error as a pipe for as long as it lives. Its reader does not wait.
class StandardErrorPipe {
public:
    StandardErrorPipe() : kept_(::dup(STDERR_FILENO)) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) std::abort();
        reader_ = base::Descriptor(ends[0]);
        ::close(ends[1]);
    }
    ~StandardErrorPipe() { ::dup2(kept_.get(), STDERR_FILENO); }
    StandardErrorPipe(const StandardErrorPipe&) = delete;
    StandardErrorPipe& operator=(const StandardErrorPipe&) = delete;

    // With whatever; a line that is left out is no part of it.
    static void fill() {
        const std::string part(4096, '#');
        while (::write(STDERR_FILENO, part.data(), part.size()) > 0) continue;
    }
    [[nodiscard]] std::string read() const {
        std::string text;
        char part[4096];
        for (ssize_t count = 0; (count = ::read(reader_.get(), part, sizeof part)) > 0;)
            text.append(part, static_cast<std::size_t>(count));
        return text;
    }
    void close_reader() { reader_.reset(); }

private:
    base::Descriptor kept_, reader_;
};

TEST(Log, AFullPipeIsNotWaitedForAndWhatWasLeftOutIsCounted) {
    const StandardErrorPipe pipe;
    detail::logger().info("before");
    EXPECT_NE(pipe.read().find("before\n"), std::string::npos);
    pipe.fill();
    for (int i = 0; i < 3; ++i) detail::logger().error("lost");
    const std::string filled = pipe.read();
    EXPECT_EQ(filled.find("lost"), std::string::npos);
    detail::logger().info("after");
    const std::string text = pipe.read();
    EXPECT_TRUE(text.starts_with("proapi: 3 log lines were dropped: nobody read standard error\n")) << text;
    EXPECT_TRUE(text.ends_with("after\n")) << text;
    detail::logger().info("again");
    EXPECT_EQ(pipe.read().find("left out"), std::string::npos);
}

// More than a pipe takes at once.
TEST(Log, ALongLineGoesOutInParts) {
    const StandardErrorPipe pipe;
    const std::string line(20'000, 'x');
    detail::logger().info(line);
    EXPECT_TRUE(pipe.read().ends_with("] " + line + "\n"));
}

TEST(Log, WhereTheReaderHasGoneALineIsLeftOut) {
    struct sigaction ends{}, before{};
    ends.sa_handler = SIG_DFL;
    ASSERT_EQ(::sigaction(SIGPIPE, &ends, &before), 0);
    {
        StandardErrorPipe pipe;
        pipe.close_reader();
        detail::logger().info("to nobody");  // no SIGPIPE
    }
    ASSERT_EQ(::sigaction(SIGPIPE, &before, nullptr), 0);
    testing::internal::CaptureStderr();
    detail::logger().info("to somebody");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.starts_with("proapi: 1 log lines were dropped: nobody read standard error\n")) << text;
    EXPECT_TRUE(text.ends_with("to somebody\n")) << text;
}

// start() leaves SIGPIPE alone.
void start_and_log_to_nobody() {
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) std::abort();
    ::close(ends[0]);
    ::close(ends[1]);
    ::signal(SIGPIPE, SIG_DFL);
    ProAPI app;
    app.get("/", []() -> std::string { throw HasNoText(); });
    const RunningServer server = app.start({.port = 0});
    for (int i = 0; i < 3; ++i)
        if (test::status_of(test::request(static_cast<std::uint16_t>(server.port()), "GET", "/")) != 500) ::_exit(4);
    ::_exit(3);
}

TEST(Log, ALogThatNobodyReadsDoesNotEndTheServer) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(start_and_log_to_nobody(), testing::ExitedWithCode(3), "");
}

// promise: access-log
TEST(Log, TheAccessLogHasNothingBeforeItsLines) {
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.get("/", [] { return "page"; });
        const RunningServer server = app.start({.port = 0, .access_log = AccessLog::common});
        EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/?a={}")), "page");
    }
    const std::string common = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(common.starts_with("127.0.0.1 - - [")) << common;
    EXPECT_NE(common.find("\"GET /?a={} HTTP/1.1\" 200 4\n"), std::string::npos) << common;
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        const RunningServer server = app.start({.port = 0, .access_log = AccessLog::json});
        EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/")), 404);
    }
    const std::string json = testing::internal::GetCapturedStderr();
    EXPECT_EQ(parse_json(json)["status"], 404) << json;
}

// A program of its own: each logger is found once.
void log_to_the_applications_own() {
    std::ostringstream lines, accesses;
    const auto own =
        std::make_shared<spdlog::logger>("proapi", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
    const auto access =
        std::make_shared<spdlog::logger>("proapi.access", std::make_shared<spdlog::sinks::ostream_sink_mt>(accesses));
    own->set_pattern("own: %v");
    access->set_pattern("access: %v");
    spdlog::register_logger(own);
    spdlog::register_logger(access);
    {
        ProAPI app;
        app.get("/", []() -> std::string { throw std::runtime_error("on purpose"); });
        const RunningServer server = app.start({.port = 0, .access_log = AccessLog::common});
        static_cast<void>(test::request(server.port(), "GET", "/"));
    }
    if (lines.str() != "own: GET /: the handler of GET / failed: on purpose\n") ::_exit(4);
    if (!accesses.str().starts_with("access: 127.0.0.1 - - [")) ::_exit(5);
    ::_exit(3);
}

// promise: access-log
TEST(Log, TheApplicationsOwnLoggersAreUsed) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(log_to_the_applications_own(), testing::ExitedWithCode(3), "^$");
}

}  // namespace
}  // namespace proapi
