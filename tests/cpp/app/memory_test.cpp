// A want of memory while a message is handed over.
#include <gtest/gtest.h>

#include <future>
#include <limits>

#include "client.hpp"
#include "tests/cpp/replaced_new.hpp"

namespace proapi {
namespace {

using tests::largest_block;

TEST(Memory, AReceiveWhoseMessageCantBeHeldEnds) {
    using namespace std::chrono_literals;
    ProAPI app;
    std::promise<int> told;
    app.websocket("/", [&](WebSocketConnection websocket) -> Task<> {
        co_await websocket.accept();
        co_await websocket.send_text("ready");
        int code = 0;
        try {
            largest_block = 10'000;
            co_await websocket.receive_text();
        } catch (const WebSocketDisconnect& end) {
            code = end.code();
        }
        largest_block = std::numeric_limits<std::size_t>::max();
        told.set_value(code);
    });
    app.setting("shutdown_timeout", "0.05");
    const RunningServer server = app.start({.port = 0});
    test::Client client(server.port(), "/");
    EXPECT_EQ(client.read_text(), "ready");
    client.send(std::string(20'000, 'x'));
    auto found = told.get_future();
    ASSERT_EQ(found.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(found.get(), 1006);
}

}  // namespace
}  // namespace proapi
