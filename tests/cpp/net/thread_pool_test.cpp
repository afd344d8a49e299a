// The pool of threads for blocking jobs: how many jobs run at once, and what happens to waiting jobs when the pool
// ends.
#include "net/thread_pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "net/forks.hpp"

namespace proapi::net {
namespace {

void wait_until_idle(const ThreadPool& pool) {
    while (pool.busy() > 0) std::this_thread::yield();
}

// A job that runs until it is released.
class Blocker {
public:
    explicit Blocker(ThreadPool& pool) {
        pool.run([state = state_] {
            state->started.count_down();
            state->may_end.wait();
            state->ended.count_down();
        });
        state_->started.wait();
    }
    ~Blocker() { end(); }
    Blocker(const Blocker&) = delete;
    Blocker& operator=(const Blocker&) = delete;

    void end() {
        if (!state_->may_end.try_wait()) state_->may_end.count_down();
        state_->ended.wait();
    }

private:
    struct State {
        std::latch started{1}, may_end{1}, ended{1};
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(ThreadPool, JobsRunBesideEachOtherUpToItsMaximum) {
    ThreadPool pool(3);
    std::latch all(3);  // each job waits for the others
    for (int i = 0; i < 3; ++i) pool.run([&] { all.arrive_and_wait(); });
    all.wait();
    wait_until_idle(pool);
}

TEST(ThreadPool, MoreJobsThanThreadsWaitForOne) {
    ThreadPool pool(2);
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::latch done(20);
    {
        const Blocker first(pool), second(pool);
        for (int i = 0; i < 20; ++i)
            pool.run([&] {
                const std::lock_guard lock(mutex);
                threads.insert(std::this_thread::get_id());
                done.count_down();
            });
        EXPECT_EQ(pool.busy(), 22U) << "two jobs run, twenty wait";
        EXPECT_FALSE(done.try_wait());
    }
    done.wait();
    wait_until_idle(pool);
    EXPECT_LE(threads.size(), 2U);
}

TEST(ThreadPool, JobsBeginInTheirOrder) {
    ThreadPool pool(1);
    std::vector<int> order;  // written by the only thread; read when the pool is idle
    {
        const Blocker blocker(pool);
        for (int i = 0; i < 10; ++i) pool.run([&order, i] { order.push_back(i); });
    }
    wait_until_idle(pool);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(ThreadPool, AnIdleThreadIsUsedAgain) {
    ThreadPool pool(8);
    std::set<std::thread::id> threads;
    for (int i = 0; i < 50; ++i) {
        pool.run([&] { threads.insert(std::this_thread::get_id()); });
        wait_until_idle(pool);
    }
    EXPECT_EQ(threads.size(), 1U);
}

TEST(ThreadPool, ClosingDropsTheJobsThatWait) {
    ThreadPool pool(1);
    Blocker blocker(pool);
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = held;
    pool.run([held] { ++*held; });
    held.reset();
    EXPECT_FALSE(watched.expired());
    pool.close();
    EXPECT_TRUE(watched.expired()) << "a dropped job must release what it holds";
    EXPECT_EQ(pool.busy(), 1U) << "a running job goes on";
    blocker.end();
    wait_until_idle(pool);
}

TEST(ThreadPool, AClosedPoolRunsNothing) {
    ThreadPool pool(1);
    pool.close();
    auto held = std::make_shared<int>(0);
    pool.run([held] { ++*held; });
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(*held, 0);
}

// The last owner of a pool may be one of its own jobs.
TEST(ThreadPool, AJobOutlivesItsPool) {
    std::promise<void> may_end;
    auto ended = std::make_shared<std::promise<void>>();
    std::future<void> end = ended->get_future();
    {
        ThreadPool pool(1);
        std::latch started(1);
        pool.run([&started, ended, may_go_on = may_end.get_future().share()] {
            started.count_down();
            may_go_on.wait();
            ended->set_value();
        });
        started.wait();
    }
    may_end.set_value();
    end.get();
}

TEST(ThreadPool, AForkedChildLeavesTheParentsJobsAlone) {
    watch_forks();
    ThreadPool pool(1);
    const Blocker blocker(pool);
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = held;
    pool.run([held] { ++*held; });
    held.reset();
    const pid_t child = ::fork();
    if (child == 0) {
        pool.close();
        ::_exit(watched.expired() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace proapi::net
