// Worker: one thread with a reactor and a server on it, and the handlers and tasks that run there. Objects of that
// thread are let go on it, whoever held them last.
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
#include "server/server.hpp"

namespace proapi::detail {

class Worker;

struct WorkerTaskLink : base::ListLink {};
struct StateLink : base::ListLink {};

// A task that nobody awaits. Deletes itself at its end, if the worker does not before.
class WorkerTask : public TaskOwner, public WorkerTaskLink {
public:
    // A stop waits for handlers, and cancels spawned tasks then.
    enum class Kind : std::uint8_t { handler, spawned };
    WorkerTask(Kind kind, Worker& worker, ConnectionRef owner, Task<> task);
    virtual ~WorkerTask();
    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    // Of a handler's route, for the log.
    [[nodiscard]] virtual std::string_view name() noexcept { return {}; }
    // Whether its client is gone without its knowing.
    [[nodiscard]] virtual bool is_abandoned() const noexcept { return false; }
    // For a stop, now and then: cancels it where it was abandoned already at the call before.
    void cancel_if_abandoned();
    // Makes what it waits for throw Cancelled, at the first call; whether it was that.
    bool cancel_for_stop();
    void start() { TaskAccess::start(task_, *this); }
    std::coroutine_handle<> on_done() noexcept final;

protected:
    // The task has ended; `error` is null where it returned.
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

    // The worker that this thread is; null on any other thread.
    [[nodiscard]] static Worker* current() noexcept;
    [[nodiscard]] bool is_current() const noexcept { return current() == this; }

    struct ListenAddress {
        std::string host;
        std::uint16_t port;
        net::Listener::PortSharing sharing;
        AccessLog access_log = AccessLog::off;
    };
    // The thread's function: listens, sets `listening` to the port or to a std::runtime_error with one line that says
    // why it can't, and serves until stop().
    void run(const ListenAddress& address, std::promise<std::uint16_t>& listening);
    // Stops gracefully, at most for shutdown_timeout. Any thread.
    void stop();
    // Starts the site's background tasks, soon. Any thread.
    void start_background();

    // Runs `task` on the worker's thread; false where that has ended. Any thread.
    bool post(std::function<void()> task);
    // Where post() has given false: calls `let_go`, which drops an object of the thread that has ended. Its objects are
    // not made for several threads, so they are dropped one after the other, and after the last that was posted in
    // time: here, or by whoever is at it already. Any thread; no lock is held meanwhile, since what is dropped may hold
    // another server's objects.
    void let_go_late(std::function<void()> let_go);

    [[nodiscard]] net::Reactor& reactor() noexcept { return *reactor_; }
    [[nodiscard]] const Site& site() const noexcept { return *site_; }
    [[nodiscard]] const std::shared_ptr<const Site>& shared_site() const noexcept { return site_; }
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
    // Any thread.
    [[nodiscard]] net::ThreadPool& pool() const noexcept { return *pool_; }
    [[nodiscard]] Statistics statistics();
    // A send to a connection that has ended. True for the last of many in one turn: whoever does nothing else has to
    // let the others have theirs.
    bool count_dropped() noexcept;
    // A line that peers can cause at will.
    void log_limited(service::LogLevel level, std::string_view line) { server_->log_limited(level, line); }

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
    // Calls `visit` for each task of now; tasks may end and begin meanwhile.
    template <class Visitor>
    void visit_tasks(Visitor&& visit);
    void cancel_tasks();
    [[nodiscard]] std::string name_handlers();
    void serve();
    void last_turn();
    void finish();
    // Expects that nobody else is at it.
    void let_go_in_turn(std::unique_lock<std::mutex>& lock);

    std::shared_ptr<const Site> site_;  // until the thread ends: its handlers may hold what holds this
    std::shared_ptr<server::SharedLimit> limit_;
    std::shared_ptr<net::ThreadPool> pool_;
    EngineLog log_;
    std::optional<net::Reactor> reactor_;
    std::optional<server::Server> server_;
    std::optional<base::Timer> shutdown_timer_, abandoned_timer_, spawned_tasks_timer_;
    base::IntrusiveList<WorkerTask, WorkerTaskLink> tasks_;
    base::IntrusiveList<ConnectionState, StateLink> states_;
    std::size_t task_count_ = 0, handler_count_ = 0, state_count_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t drop_turn_ms_ = 0;  // the time of the turn that dropped last
    unsigned dropped_in_turn_ = 0;
    bool stopping_ = false, connections_gone_ = false;
    std::mutex post_mutex_;
    bool takes_posts_ = false;
    bool is_letting_go_ = false;  // somebody is at `late_`
    std::deque<std::function<void()>> late_;
};

// A task of Site's. On the worker's thread.
void start_background_task(Worker& worker, const Site::Background& background);

// A reference to an object of a worker's thread that is let go there.
template <class T>
class WorkerPtr {
public:
    WorkerPtr(std::shared_ptr<Worker> worker, base::IntrusivePtr<T> object) noexcept
        : worker_(std::move(worker)), object_(std::move(object)) {}
    WorkerPtr(const WorkerPtr&) = delete;
    WorkerPtr& operator=(const WorkerPtr&) = delete;
    ~WorkerPtr() {
        if (worker_->is_current()) return;
        // The count is not atomic: it may be touched by its own thread only, or by one at a time once that has ended.
        auto box = std::make_shared<base::IntrusivePtr<T>>(std::move(object_));
        auto let_go = [box] { box->reset(); };
        if (!worker_->post(let_go)) worker_->let_go_late(let_go);
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
