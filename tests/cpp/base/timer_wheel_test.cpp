// base/timer_wheel, compared with a sorted list of deadlines; and the rules of its interface.
#include "base/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace proapi::base {
namespace {

struct Alarm {
    explicit Alarm(std::vector<int>& fired_, int id_)
        : fired(&fired_),
          id(id_),
          timer([](void* self) { static_cast<Alarm*>(self)->fired->push_back(static_cast<Alarm*>(self)->id); }, this) {}
    std::vector<int>* fired;
    int id;
    Timer timer;
};

TEST(TimerWheel, FiresAtItsDeadlineAndNotBefore) {
    for (const std::uint64_t deadline :
         {0ULL, 1ULL, 63ULL, 64ULL, 65ULL, 4095ULL, 4096ULL, 1'000'000ULL, 90'000'000'000ULL}) {
        TimerWheel wheel;
        std::vector<int> fired;
        Alarm alarm(fired, 1);
        wheel.start(alarm.timer, deadline);
        if (deadline > 0) wheel.advance(deadline - 1);
        EXPECT_EQ(fired.size(), 0U) << deadline;
        wheel.advance(deadline);
        EXPECT_EQ(fired.size(), 1U) << deadline;
        EXPECT_FALSE(alarm.timer.is_running());
        EXPECT_FALSE(wheel.next_deadline_ms());
    }
}

TEST(TimerWheel, NextDeadlineIsNeverLate) {
    TimerWheel wheel;
    std::vector<int> fired;
    Alarm alarm(fired, 1);
    wheel.advance(1000);
    wheel.start(alarm.timer, 70'000);
    int steps = 0;
    while (fired.empty()) {
        const auto next = wheel.next_deadline_ms();
        ASSERT_TRUE(next);
        ASSERT_LE(*next, 70'000U);
        wheel.advance(*next);
        ASSERT_LE(++steps, 5) << "at most four moves, then it fires";
    }
}

TEST(TimerWheel, CancelledAndDestroyedTimersDoNotFire) {
    TimerWheel wheel;
    std::vector<int> fired;
    Alarm cancelled(fired, 1);
    auto destroyed = std::make_unique<Alarm>(fired, 2);
    wheel.start(cancelled.timer, 100);
    wheel.start(destroyed->timer, 100);
    cancelled.timer.cancel();
    destroyed.reset();
    EXPECT_FALSE(wheel.next_deadline_ms());
    wheel.advance(1000);
    EXPECT_TRUE(fired.empty());
}

TEST(TimerWheel, ATimerStartedForThePresentByACallbackWaitsForTheNextAdvance) {
    TimerWheel wheel;
    struct Again {
        TimerWheel& wheel;
        int count = 0;
        Timer timer{[](void* self) {
                        auto& again = *static_cast<Again*>(self);
                        ++again.count;
                        again.wheel.start(again.timer, 0);
                    },
                    this};
    } again{wheel};
    wheel.start(again.timer, 5);
    wheel.advance(5);
    EXPECT_EQ(again.count, 1);
    wheel.advance(5);
    EXPECT_EQ(again.count, 2);
}

TEST(TimerWheel, ACallbackMayCancelWhatIsDueBehindIt) {
    TimerWheel wheel;
    std::vector<int> fired;
    Alarm victim(fired, 2);
    struct Killer {
        Timer& victim;
        Timer timer{[](void* self) { static_cast<Killer*>(self)->victim.cancel(); }, this};
    } killer{victim.timer};
    wheel.start(killer.timer, 10);
    wheel.start(victim.timer, 10);
    wheel.advance(10);
    EXPECT_TRUE(fired.empty());
}

TEST(TimerWheel, AgreesWithASortedListOverRandomHistories) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    TimerWheel wheel;
    std::vector<int> fired;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int id = 0; id < 200; ++id) alarms.push_back(std::make_unique<Alarm>(fired, id));
    std::map<int, std::uint64_t> running;  // deadlines by id
    std::uint64_t now = 0;
    for (int step = 0; step < 20'000; ++step) {
        const int id = static_cast<int>(random() % alarms.size());
        switch (random() % 4) {
            case 0:
            case 1: {
                const std::uint64_t deadline = now + (random() % 4 == 0 ? random() % 10'000'000 : random() % 5'000);
                wheel.start(alarms[static_cast<std::size_t>(id)]->timer, deadline);
                running[id] = deadline;
                break;
            }
            case 2:
                alarms[static_cast<std::size_t>(id)]->timer.cancel();
                running.erase(id);
                break;
            default: {
                now += random() % 3'000;
                fired.clear();
                wheel.advance(now);
                for (const int one : fired) {
                    ASSERT_TRUE(running.contains(one)) << "fired without being started";
                    ASSERT_LE(running[one], now) << "fired early";
                    running.erase(one);
                }
                for (const auto& [one, deadline] : running) ASSERT_GT(deadline, now) << one << " is late";
            }
        }
    }
}

}  // namespace
}  // namespace proapi::base
