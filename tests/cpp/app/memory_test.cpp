// A want of memory while a message is handed over. This file replaces the program's operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <limits>
#include <new>

#include "client.hpp"

namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
thread_local std::size_t largest_block = no_limit;

void* allocate(std::size_t size) {
    void* block = size > largest_block ? nullptr : std::malloc(size);
    if (block == nullptr) throw std::bad_alloc{};
    return block;
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size);
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete[](void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    std::free(block);
}

namespace proapi {
namespace {

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
        largest_block = no_limit;
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
