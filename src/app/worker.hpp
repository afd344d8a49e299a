// Worker: one thread with a reactor and a server, and the handlers and tasks that run on it. Objects of that thread are
// destroyed on it, whichever thread drops the last reference.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "app/log.hpp"
#include "app/site.hpp"
#include "base/intrusive_list.hpp"
#include "net/thread_pool.hpp"
#include "proapi/settings.hpp"
#include "proapi/task.hpp"
#include "proapi/waiting.hpp"
#include "server/server.hpp"

namespace proapi::detail {

class Worker;

struct WorkerTaskLink : base::ListLink {};
struct StateLink : base::ListLink {};

// A task that no coroutine awaits. Deletes itself when it ends, unless the worker deletes it before.
class WorkerTask : public TaskOwner, public WorkerTaskLink {
public:
    // A stop first waits for handlers, then cancels spawned tasks.
    enum class Kind : std::uint8_t { handler, spawned };
    WorkerTask(Kind kind, Worker& worker, ConnectionRef owner, Task<> task);
    virtual ~WorkerTask();
    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    // The name of the handler's route, for the log.
    [[nodiscard]] virtual std::string_view name() noexcept { return {}; }
    // Whether the client has left without the handler's knowledge.
    [[nodiscard]] virtual bool is_abandoned() const noexcept { return false; }
    // Called repeatedly during a stop. Cancels the task if it is abandoned and already was at the previous call.
    void cancel_if_abandoned();
    // The first call makes the operation that the task waits for throw Cancelled and returns true; later calls return
    // false.
    bool cancel_for_stop();
    void start() { TaskAccess::start(task_, *this); }
    std::coroutine_handle<> on_done() noexcept final;

protected:
    // The task has ended; `error` is null if it returned normally.
    virtual void on_end(const std::exception_ptr& error) noexcept = 0;

private:
    Worker& worker_;
    Task<> task_;
    const Kind kind_;
    bool was_abandoned_ = false, is_cancelled_for_stop_ = false;
};

class Worker final : public service::Application, public std::enable_shared_from_this<Worker> {
public:
    // `limit` and `pool` are shared by the workers of one process.
    Worker(std::shared_ptr<const Site> site, std::shared_ptr<server::SharedLimit> limit,
           std::shared_ptr<net::ThreadPool> pool) noexcept
        : site_(std::move(site)), limit_(std::move(limit)), pool_(std::move(pool)) {}
    ~Worker();

    // The worker of this thread; null if the thread is not a worker.
    [[nodiscard]] static Worker* current() noexcept;
    // A number that no other worker of the process has had: that of this thread's worker; 0 if the thread is not a
    // worker.
    [[nodiscard]] static std::uint64_t current_number() noexcept;
    // Whether the thread of the worker with that number still runs tasks; false for 0. Any thread.
    [[nodiscard]] static bool is_running(std::uint64_t number);
    [[nodiscard]] bool is_current() const noexcept { return current() == this; }

    struct ServeOptions {
        AccessLog access_log = AccessLog::off;
        std::optional<net::TlsOptions> tls = std::nullopt;
        bool runs_hooks = false;  // the site's start-up and shutdown functions
    };
    // The thread's function: runs the start-up functions, accepts from `sockets`, sets `listening` or its exception, a
    // std::runtime_error with one line that gives the reason, serves until stop(), and runs the shutdown functions.
    void run(std::vector<net::ListeningSocket> sockets, const ServeOptions& options, std::promise<void>& listening);
    // Stops gracefully, at most for shutdown_timeout. Any thread.
    void stop();
    // Loads the certificates again in the next turn, once for all calls before it. Any thread.
    void reload_certificates();
    // The shutdown functions of this worker wait for another worker: between expect_other() and on_other_end(). Any
    // thread.
    void expect_other() noexcept { ++others_; }
    void on_other_end();
    // Starts the site's background tasks in the next turn. Any thread.
    void start_background();

    // Runs `task` on the worker's thread. Returns false if that thread has ended. Any thread.
    bool post(std::function<void()> task);
    // Call it if post() has returned false. Calls `release`, which drops an object of the thread that has ended. Such
    // objects are not thread-safe, so they are dropped one at a time, and after the last task that was posted in time:
    // within this call, or by a thread that is already dropping others. No lock is held during `release`, because the
    // object may own objects of another server. Any thread.
    void release_late(std::function<void()> release);

    [[nodiscard]] net::Reactor& reactor() noexcept { return *reactor_; }
    [[nodiscard]] const Site& site() const noexcept { return *site_; }
    [[nodiscard]] const std::shared_ptr<const Site>& shared_site() const noexcept { return site_; }
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
    // Any thread.
    [[nodiscard]] net::ThreadPool& pool() const noexcept { return *pool_; }
    [[nodiscard]] Statistics statistics();
    // Counts a send to a connection that has ended. Returns true once per max_dropped_per_turn such sends in one turn:
    // the sender must then wait for the next turn, so that other tasks can run.
    bool count_dropped() noexcept;
    // Logs a line that peers can cause at will, at a limited rate.
    void log_limited(service::LogLevel level, std::string_view line) { server_->log_limited(level, line); }

    // Completes the operation soon, from the loop, after those that were woken before, unless it is cancelled or
    // destroyed first.
    void wake(WaitOperation& operation) noexcept;

    // --- for connections and tasks ---
    void add(WorkerTask& task) noexcept;
    void remove(WorkerTask& task) noexcept;
    void add(ConnectionState& state) noexcept;
    void remove(ConnectionState& state) noexcept;

private:
    void on_websocket(base::IntrusivePtr<service::WebSocket> websocket) override;
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override;
    void begin_stop();
    void end_if_idle();
    void cancel_abandoned_handlers();
    void cancel_spawned_tasks();
    // Calls `visit` for each task that exists now; tasks may end and begin meanwhile.
    template <class Visitor>
    void visit_tasks(Visitor&& visit);
    void cancel_tasks();
    [[nodiscard]] std::string name_handlers();
    void run_woken();
    void set_up(const ServeOptions& options);
    // Throws std::runtime_error if a function fails.
    void start_up();
    void shut_down() noexcept;
    // Returns what the function has thrown.
    [[nodiscard]] std::exception_ptr run_hook(const Site::Hook& hook) noexcept;
    void destroy_tasks() noexcept;
    void serve();
    void wait_turn();
    void last_turn();
    void finish();
    // Drops the objects in `late_`, one at a time. No other thread may be doing so.
    void release_in_turn(std::unique_lock<std::mutex>& lock);

    std::shared_ptr<const Site> site_;  // reset when the thread ends: handlers may hold objects that hold this worker
    std::shared_ptr<server::SharedLimit> limit_;
    std::shared_ptr<net::ThreadPool> pool_;
    EngineLog log_;
    std::optional<net::Reactor> reactor_;
    std::optional<server::Server> server_;
    std::optional<base::Timer> shutdown_timer_, abandoned_timer_, spawned_tasks_timer_, woken_timer_;
    base::IntrusiveList<WorkerTask, WorkerTaskLink> tasks_;
    base::IntrusiveList<ConnectionState, StateLink> states_;
    WaitList woken_;
    std::size_t task_count_ = 0, handler_count_ = 0, state_count_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t drop_turn_ms_ = 0;  // the time of the turn in which a send was last dropped
    unsigned dropped_in_turn_ = 0;
    bool stopping_ = false, connections_gone_ = false, has_started_ = false, is_shutting_down_ = false;
    std::atomic<int> others_ = 0;
    std::atomic<bool> reload_asked_ = false;
    std::mutex post_mutex_;
    bool takes_posts_ = false;
    bool is_releasing_ = false;  // a thread is working on `late_`
    std::deque<std::function<void()>> late_;
};

// Starts a background task of the site. On the worker's thread.
void start_background_task(Worker& worker, const Site::Background& background);

// A reference to an object of a worker's thread; the reference is dropped on that thread.
template <class T>
class WorkerPtr {
public:
    WorkerPtr(std::shared_ptr<Worker> worker, base::IntrusivePtr<T> object) noexcept
        : worker_(std::move(worker)), object_(std::move(object)) {}
    WorkerPtr(const WorkerPtr&) = delete;
    WorkerPtr& operator=(const WorkerPtr&) = delete;
    ~WorkerPtr() {
        if (worker_->is_current()) return;
        // The reference count is not atomic: only the object's own thread may change it or, after that thread has
        // ended, one thread at a time.
        auto box = std::make_shared<base::IntrusivePtr<T>>(std::move(object_));
        auto release = [box] { box->reset(); };
        if (!worker_->post(release)) worker_->release_late(release);
    }

    T* operator->() const noexcept { return object_.get(); }
    T& operator*() const noexcept { return *object_; }
    [[nodiscard]] const base::IntrusivePtr<T>& get() const noexcept { return object_; }
    [[nodiscard]] const std::shared_ptr<Worker>& worker() const noexcept { return worker_; }

private:
    std::shared_ptr<Worker> worker_;
    base::IntrusivePtr<T> object_;
};

}  // namespace proapi::detail
