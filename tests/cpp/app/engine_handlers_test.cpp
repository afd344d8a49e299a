// What exception handlers make of files and of requests that the engine refuses, and what is logged of them.
// middleware_chain_test.cpp shows that middleware sees both.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "client.hpp"

namespace proapi {
namespace {

using test::get_body;
using test::includes;
using test::request;
using test::status_of;

// promise: middleware
TEST(EngineHandlers, ExceptionHandlersAnswerThem) {
    const auto folder = std::filesystem::temp_directory_path() / ("engine_handlers." + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    std::filesystem::create_symlink("loop", folder / "loop");
    testing::internal::CaptureStderr();
    {
        ProAPI app;
        app.static_files("/files", folder);
        app.get("/page", [] { return "page"; });
        app.middleware([](Request request, CallNext<> call_next) { return call_next(std::move(request)); });
        app.exception_handler<HTTPException>([](const Request& request, const HTTPException& error) {
            return Response(request.path() + ": " + error.detail(), error.status_code());
        });
        const RunningServer server = app.start({.port = 0});
        EXPECT_EQ(get_body(request(server.port(), "GET", "/files/a.txt")), "/files/a.txt: Not Found");
        EXPECT_EQ(get_body(request(server.port(), "GET", "/a")), "/a: Nothing is served at this address.");
        const std::string wrong_method = request(server.port(), "POST", "/page");
        EXPECT_EQ(get_body(wrong_method), "/page: This address does not serve that method.");
        EXPECT_TRUE(includes(wrong_method, "Allow: GET") || includes(wrong_method, "allow: GET")) << wrong_method;
        EXPECT_EQ(status_of(request(server.port(), "GET", "/files/loop")), 404);
    }
    std::filesystem::remove_all(folder);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace proapi
