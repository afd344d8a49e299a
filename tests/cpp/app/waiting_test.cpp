// The lists behind Event and Channel: who is in which, and the worker that an object is tied to.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "client.hpp"
#include "proapi/waiting.hpp"

namespace proapi::detail {
namespace {

class Waiting final : public WaitOperation {
public:
    void wait_in(WaitList& list) { suspend_in(list, std::noop_coroutine()); }
    bool stop_waiting() { return leave(); }
};

TEST(WaitList, KeepsTheOrderAndForgetsWhoLeaves) {
    WaitList list;
    Waiting first, last;
    {
        Waiting destroyed, left;
        for (Waiting* each : {&first, &destroyed, &left, &last}) each->wait_in(list);
        EXPECT_FALSE(left.stop_waiting()) << "it was not woken";
    }
    EXPECT_EQ(list.pop_front(), &first);
    EXPECT_EQ(list.pop_front(), &last);
    EXPECT_EQ(list.pop_front(), nullptr);
    EXPECT_TRUE(list.empty());
}

TEST(WaitList, TakesAllOfAnother) {
    WaitList list, other;
    Waiting one, two;
    one.wait_in(other);
    two.wait_in(list);
    list.splice(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(list.pop_front(), &two);
    EXPECT_EQ(list.pop_front(), &one);
}

// The list is destroyed first.
TEST(WaitList, MayEndBeforeWhoWaits) {
    Waiting waiting;
    {
        WaitList list;
        waiting.wait_in(list);
    }
    EXPECT_FALSE(waiting.stop_waiting());
}

TEST(WorkerBinding, IsThatOfTheFirstUseUntilItsWorkerEnds) {
    WorkerBinding binding;
    const auto error_here = [&] { return test::error_of([&] { binding.require("call()"); }); };
    EXPECT_EQ(error_here(), "none") << "nobody's yet";
    for (int i = 0; i < 2; ++i) {
        test::run_in_handler([&]() -> Task<> {
            EXPECT_EQ(error_here(), "none");
            EXPECT_EQ(test::error_on_another_thread([&] { binding.require("call()"); }),
                      "call(): expected the thread of the worker that uses it, got another one: tasks of several "
                      "threads share a Completion instead");
            co_return;
        });
        EXPECT_EQ(error_here(), "none") << "its worker has ended";
    }
}

}  // namespace
}  // namespace proapi::detail
