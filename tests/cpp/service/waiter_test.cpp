// service/waiter: which waiters are called at an event.
#include "service/waiter.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>

namespace proapi::service {
namespace {

struct CountingWaiter final : Waiter {
    void on_ready() override {
        ++calls;
        if (then) then();
    }
    int calls = 0;
    std::function<void()> then;
};

TEST(Waiter, AWakeCallsEachOnce) {
    CountingWaiter first, second;
    WaiterList waiters;
    waiters.wake();
    waiters.add(first);
    waiters.add(second);
    waiters.wake();
    waiters.wake();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(second.calls, 1);
    EXPECT_TRUE(waiters.empty());
}

TEST(Waiter, OneThatWaitsAgainIsCalledTheNextTime) {
    CountingWaiter waiter;
    WaiterList waiters;
    waiter.then = [&] { waiters.add(waiter); };
    waiters.add(waiter);
    waiters.wake();
    EXPECT_EQ(waiter.calls, 1) << "a wake calls each waiter only once";
    EXPECT_FALSE(waiters.empty());
    waiters.wake();
    EXPECT_EQ(waiter.calls, 2);
}

TEST(Waiter, OneThatIsCancelledOrDestroyedIsNotCalled) {
    CountingWaiter first, cancelled;
    std::optional<CountingWaiter> destroyed(std::in_place);
    WaiterList waiters;
    for (Waiter* waiter :
         {static_cast<Waiter*>(&first), static_cast<Waiter*>(&cancelled), static_cast<Waiter*>(&*destroyed)})
        waiters.add(*waiter);
    first.then = [&] {  // cancelled and destroyed during another waiter's call
        cancelled.cancel_wait();
        destroyed.reset();
    };
    waiters.wake();
    EXPECT_EQ(cancelled.calls, 0);
    EXPECT_TRUE(waiters.empty());
}

TEST(Waiter, AnExceptionLeavesTheOthersWaiting) {
    CountingWaiter first, second;
    WaiterList waiters;
    waiters.add(first);
    waiters.add(second);
    first.then = [] { throw std::runtime_error("a waiter"); };
    EXPECT_THROW(waiters.wake(), std::runtime_error);
    EXPECT_EQ(second.calls, 0);
    waiters.wake();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(second.calls, 1);
}

}  // namespace
}  // namespace proapi::service
