// Channel: order, bounds, the end, and that no value is lost or doubled when tasks are cancelled.
// promise: cpp-channel
#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <numeric>

#include "cancelling.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;
using test::run_in_handler;
using test::turn_until;

// Sends first, first + 1, ...; adds to `sent` what the channel has taken.
Task<> produce(Channel<int> channel, int first, int count, std::vector<int>* sent) {
    for (int i = first; i < first + count; ++i) {
        if (!co_await channel.send(i)) co_return;
        sent->push_back(i);
    }
}

Task<> consume(Channel<int> channel, std::vector<int>* received) {
    while (const auto value = co_await channel.receive()) received->push_back(*value);
}

std::vector<int> sorted(std::vector<int> values) {
    std::sort(values.begin(), values.end());
    return values;
}

TEST(Channel, CarriesValuesInOrder) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(2);
        std::vector<int> sent, received;
        const TaskHandle producer = spawn(produce, channel, 0, 100, &sent);
        EXPECT_EQ(sent.size(), 2U);
        EXPECT_EQ(channel.size(), 2U);
        const TaskHandle consumer = spawn(consume, channel, &received);
        co_await turn_until([&] { return producer.is_done(); });
        channel.close();
        co_await turn_until([&] { return consumer.is_done(); });
        std::vector<int> expected(100);
        std::iota(expected.begin(), expected.end(), 0);
        EXPECT_EQ(received, expected);
        EXPECT_EQ(sent, expected);
    });
}

TEST(Channel, AReceiverThatWaitsGetsTheValueThatComes) {
    run_in_handler([]() -> Task<> {
        const Channel<std::unique_ptr<int>> channel(1);
        std::string log;
        const TaskHandle receiver = spawn([=, text = &log]() -> Task<> {
            const auto value = co_await channel.receive();
            *text += std::to_string(**value);
        });
        EXPECT_TRUE(co_await channel.send(std::make_unique<int>(5)));
        EXPECT_EQ(log, "") << "it runs later";
        EXPECT_FALSE(channel.try_receive()) << "the value is the receiver's";
        co_await turn_until([&] { return receiver.is_done(); });
        EXPECT_EQ(log, "5");
    });
}

// Those that wait come before those that come.
TEST(Channel, SendersKeepTheirOrder) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(1);
        EXPECT_TRUE(channel.try_send(0));
        std::vector<int> sent;
        const TaskHandle first = spawn(produce, channel, 1, 1, &sent);
        const TaskHandle second = spawn(produce, channel, 2, 1, &sent);
        EXPECT_FALSE(channel.try_send(9)) << "full";
        EXPECT_EQ(channel.try_receive(), 0);
        EXPECT_FALSE(channel.try_send(9)) << "the place is another's";
        EXPECT_EQ(co_await channel.receive(), 1);
        const TaskHandle third = spawn(produce, channel, 3, 1, &sent);
        EXPECT_EQ(co_await channel.receive(), 2);
        EXPECT_EQ(co_await channel.receive(), 3);
        EXPECT_EQ(channel.try_receive(), std::nullopt);
        EXPECT_EQ(sent, (std::vector<int>{1, 2, 3}));
        EXPECT_TRUE(first.is_done() && second.is_done() && third.is_done());
    });
}

TEST(Channel, ClosedItGivesWhatIsLeftAndTakesNothing) {
    run_in_handler([]() -> Task<> {
        const Channel<std::string> channel(2);
        EXPECT_TRUE(co_await channel.send("a"));
        EXPECT_TRUE(co_await channel.send("b"));
        bool added = true;
        const TaskHandle sender = spawn([=, result = &added]() -> Task<> { *result = co_await channel.send("c"); });
        EXPECT_FALSE(channel.is_closed());
        channel.close();
        channel.close();
        EXPECT_TRUE(channel.is_closed());
        EXPECT_FALSE(co_await channel.send("d"));
        EXPECT_FALSE(channel.try_send("e"));
        co_await turn_until([&] { return sender.is_done(); });
        EXPECT_FALSE(added);
        EXPECT_EQ(co_await channel.receive(), "a");
        EXPECT_EQ(channel.try_receive(), "b");
        EXPECT_EQ(co_await channel.receive(), std::nullopt);
        EXPECT_EQ(channel.try_receive(), std::nullopt);
    });
}

TEST(Channel, ItsEndWakesEveryReceiver) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(1);
        std::vector<int> first, second;
        const TaskHandle one = spawn(consume, channel, &first), two = spawn(consume, channel, &second);
        EXPECT_TRUE(channel.try_send(1));
        channel.close();
        co_await turn_until([&] { return one.is_done() && two.is_done(); });
        EXPECT_EQ(first, std::vector<int>{1});
        EXPECT_TRUE(second.empty());
    });
}

// The value that came for a receiver which is cancelled before it runs.
TEST(Channel, WhatACancelledReceiverDoesNotTakeIsTheNextOnes) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(1);
        std::vector<int> first, second;
        const TaskHandle one = spawn(consume, channel, &first), two = spawn(consume, channel, &second);
        EXPECT_TRUE(channel.try_send(7));
        one.cancel();
        co_await turn_until([&] { return one.is_done() && !second.empty(); });
        EXPECT_TRUE(first.empty());
        EXPECT_EQ(second, std::vector<int>{7});
        two.cancel();
        EXPECT_TRUE(channel.try_send(8));
        co_await turn_until([&] { return two.is_done(); });
        EXPECT_EQ(channel.try_receive(), 8);
    });
}

TEST(Channel, ThePlaceThatACancelledSenderDoesNotFillIsTheNextOnes) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(1);
        EXPECT_TRUE(channel.try_send(0));
        std::vector<int> first, second;
        const TaskHandle one = spawn(produce, channel, 1, 1, &first), two = spawn(produce, channel, 2, 1, &second);
        EXPECT_EQ(channel.try_receive(), 0);
        one.cancel();
        co_await turn_until([&] { return one.is_done() && two.is_done(); });
        EXPECT_TRUE(first.empty());
        EXPECT_EQ(second, std::vector<int>{2});
        EXPECT_EQ(channel.try_receive(), 2);
    });
}

TEST(Channel, TimesOut) {
    run_in_handler([]() -> Task<> {
        const Channel<int> channel(1);
        int timeouts = 0;
        try {
            static_cast<void>(co_await wait_for(channel.receive(), 1ms));
        } catch (const TimeoutError&) {
            ++timeouts;
        }
        EXPECT_TRUE(channel.try_send(1));
        try {
            co_await wait_for(channel.send(2), 1ms);
        } catch (const TimeoutError&) {
            ++timeouts;
        }
        EXPECT_EQ(timeouts, 2);
        EXPECT_EQ(co_await wait_for(channel.receive(), 0ms), 1);
        EXPECT_EQ(channel.try_receive(), std::nullopt);
    });
}

// Whoever of two producers and two consumers is cancelled, and whenever: what was sent is received once or still there.
TEST(Channel, CancelledAtEverySuspensionPointNothingIsLostOrDoubled) {
    run_in_handler([]() -> Task<> {
        for (std::size_t victim = 0; victim < 4; ++victim) {
            const auto run = [victim](int turns) -> Task<bool> {
                const Channel<int> channel(3);
                std::vector<int> sent[2], received[2];
                std::vector<TaskHandle> tasks;
                for (std::size_t i = 0; i < 2; ++i)
                    tasks.push_back(spawn(produce, channel, static_cast<int>(i) * 1000, 10, &sent[i]));
                for (std::size_t i = 0; i < 2; ++i) tasks.push_back(spawn(consume, channel, &received[i]));
                const bool was_running = co_await test::cancel_after(tasks[victim], turns);
                co_await turn_until([&] { return tasks[0].is_done() && tasks[1].is_done(); });
                channel.close();
                co_await turn_until([&] { return tasks[2].is_done() && tasks[3].is_done(); });
                EXPECT_EQ(channel.size(), 0U);
                for (const auto* each : {&received[1]})
                    received[0].insert(received[0].end(), each->begin(), each->end());
                sent[0].insert(sent[0].end(), sent[1].begin(), sent[1].end());
                EXPECT_EQ(sorted(received[0]), sorted(sent[0])) << "victim " << victim << ", turns " << turns;
                // A consumer ends with the channel only.
                co_return was_running && (victim < 2 || turns < 30);
            };
            EXPECT_GT(co_await test::cancel_after_each_turn(run), 3);
        }
    });
}

// The next `*failures` moves throw, as those of a class that allocates may.
struct Fragile {
    int number = 0;
    int* failures = nullptr;
    Fragile(int which, int* count) : number(which), failures(count) {}
    Fragile(Fragile&& other) : number(other.number), failures(other.failures) {  // NOLINT(*-noexcept-move*)
        if (*failures > 0) {
            --*failures;
            throw std::bad_alloc();
        }
    }
};

TEST(Channel, AMoveThatThrowsHoldsUpNobodyElse) {
    run_in_handler([]() -> Task<> {
        const Channel<Fragile> channel(1);
        int failures = 0, none = 0;
        EXPECT_TRUE(channel.try_send(Fragile(0, &none)));
        std::string log;
        const auto send = [&](int number, int* count) -> Task<> {
            try {
                Fragile value(number, count);
                auto sending = channel.send(std::move(value));
                co_await sending;
                log += "sent " + std::to_string(number) + " ";
            } catch (const std::bad_alloc&) {
                log += "failed " + std::to_string(number) + " ";
            }
        };
        const TaskHandle first = spawn(send(1, &failures)), second = spawn(send(2, &none));
        failures = 1;
        EXPECT_EQ((co_await channel.receive())->number, 0);
        co_await first.join();
        co_await second.join();
        EXPECT_EQ(log, "failed 1 sent 2 ");

        const auto receive = [&]() -> Task<> {
            try {
                const auto value = co_await channel.receive();
                log += "received " + std::to_string(value->number) + " ";
            } catch (const std::bad_alloc&) {
                log += "not received ";
            }
        };
        EXPECT_EQ(channel.try_receive()->number, 2);
        log.clear();
        const TaskHandle one = spawn(receive()), two = spawn(receive());
        EXPECT_TRUE(channel.try_send(Fragile(3, &failures)));
        failures = 1;
        co_await one.join();
        co_await two.join();
        EXPECT_EQ(log, "not received received 3 ");
    });
}

TEST(Channel, RefusesWhatCantWork) {
    EXPECT_EQ(test::error_of([] { Channel<int>(0); }), "Channel: expected a capacity of at least 1, got 0");
    Channel<int> channel(1);
    EXPECT_TRUE(channel.try_send(1));  // not yet anybody's
    const std::string elsewhere =
        ": expected the thread of the worker that uses it, got another one: tasks of several threads share a "
        "Completion instead";
    run_in_handler([&]() -> Task<> {
        EXPECT_EQ(co_await channel.receive(), 1);
        EXPECT_EQ(test::error_on_another_thread([&] { static_cast<void>(channel.try_send(1)); }),
                  "Channel::try_send()" + elsewhere);
        EXPECT_EQ(test::error_on_another_thread([&] { static_cast<void>(channel.receive()); }),
                  "Channel::receive()" + elsewhere);
        EXPECT_EQ(test::error_on_another_thread([&] { channel.close(); }), "Channel::close()" + elsewhere);
    });
}

// promise: cpp-moved-from
TEST(Channel, OneThatWasMovedFromIsRefused) {
    Channel<int> channel(1);
    const Channel<int> moved = std::move(channel);
    EXPECT_EQ(test::error_of([&] { channel.close(); }),
              "Channel::close(): expected a Channel, got one that was moved from");
}

}  // namespace
}  // namespace proapi
