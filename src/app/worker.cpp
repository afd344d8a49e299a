#include "app/worker.hpp"

#include <algorithm>
#include <map>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "app/connection_state.hpp"
#include "app/http_task.hpp"
#include "app/websocket_task.hpp"

namespace proapi {

namespace detail {

namespace {

thread_local Worker* worker_of_thread = nullptr;
thread_local std::uint64_t number_of_thread = 0;

// The numbers of the workers whose threads run.
class RunningNumbers {
public:
    static std::uint64_t add() {
        const std::lock_guard lock(mutex());
        static std::uint64_t last = 0;
        numbers().push_back(++last);
        return last;
    }
    static void remove(std::uint64_t number) {
        const std::lock_guard lock(mutex());
        std::erase(numbers(), number);
    }
    static bool contains(std::uint64_t number) {
        const std::lock_guard lock(mutex());
        return std::ranges::find(numbers(), number) != numbers().end();
    }

private:
    static std::mutex& mutex() noexcept {
        static constinit std::mutex shared;
        return shared;
    }
    static std::vector<std::uint64_t>& numbers() {
        static auto* const shared = new std::vector<std::uint64_t>();  // never destroyed: threads may outlive main()
        return *shared;
    }
};

constexpr std::size_t max_names = 5;
// While stopping: the interval between checks for handlers whose client has left.
constexpr std::chrono::milliseconds abandoned_check_interval{250};
constexpr unsigned max_dropped_per_turn = 100;
constexpr int max_last_turns = 1000;

}  // namespace

// ---- tasks ------------------------------------------------------------------------------------------------------

WorkerTask::WorkerTask(Kind kind, Worker& worker, ConnectionRef owner, Task<> task)
    : TaskOwner(std::move(owner)), worker_(worker), task_(std::move(task)), kind_(kind) {
    worker_.add(*this);
}

WorkerTask::~WorkerTask() {
    worker_.remove(*this);
}

std::coroutine_handle<> WorkerTask::on_done() noexcept {
    on_end(TaskAccess::error(task_));
    delete this;
    return std::noop_coroutine();
}

void WorkerTask::cancel_if_abandoned() {
    if (!std::exchange(was_abandoned_, is_abandoned()) || !was_abandoned_) return;
    cancel_for_stop();
}

bool WorkerTask::cancel_for_stop() {
    if (std::exchange(is_cancelled_for_stop_, true)) return false;
    context().cancel();
    return true;
}

Worker::~Worker() = default;

Worker* Worker::current() noexcept {
    return worker_of_thread;
}

std::uint64_t Worker::current_number() noexcept {
    return number_of_thread;
}

bool Worker::is_running(std::uint64_t number) {
    return RunningNumbers::contains(number);
}

void Worker::add(WorkerTask& task) noexcept {
    tasks_.push_back(task);
    ++task_count_;
    if (task.kind() == WorkerTask::Kind::handler) ++handler_count_;
    if (stopping_) end_if_idle();
}

void Worker::remove(WorkerTask& task) noexcept {
    static_cast<WorkerTaskLink&>(task).unlink();
    --task_count_;
    if (task.kind() == WorkerTask::Kind::handler) --handler_count_;
    if (stopping_) end_if_idle();
}

void Worker::add(ConnectionState& state) noexcept {
    states_.push_back(state);
    ++state_count_;
}

void Worker::remove(ConnectionState& state) noexcept {
    static_cast<StateLink&>(state).unlink();
    --state_count_;
}

// ---- requests ---------------------------------------------------------------------------------------------------

void Worker::on_websocket(base::IntrusivePtr<service::WebSocket> websocket) {
    start_websocket_task(*this, websocket);
}

void Worker::on_request(base::IntrusivePtr<service::Exchange> exchange) {
    start_http_task(*this, std::move(exchange));
}

// ---- before and after serving -----------------------------------------------------------------------------------

namespace {

// A start-up or shutdown function that the worker's thread runs to its end. No stop cancels it.
class HookTask final : public TaskOwner {
public:
    explicit HookTask(Task<> task) noexcept : task_(std::move(task)) { TaskAccess::start(task_, *this); }
    std::coroutine_handle<> on_done() noexcept override {
        is_done_ = true;
        return std::noop_coroutine();
    }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    [[nodiscard]] std::exception_ptr error() const noexcept { return TaskAccess::error(task_); }

private:
    Task<> task_;
    bool is_done_ = false;
};

// Returns what has left `call`, as a std::runtime_error; null if nothing has.
template <class Call>
[[nodiscard]] std::exception_ptr catch_failure(Call&& call) {
    try {
        call();
        return nullptr;
    } catch (const std::exception& error) {
        return std::make_exception_ptr(std::runtime_error(error.what()));
    }
}

}  // namespace

std::exception_ptr Worker::run_hook(const Site::Hook& hook) noexcept {
    try {
        const HookTask running(hook.make());
        while (!running.is_done()) wait_turn();
        return running.error();
    } catch (...) {
        return std::current_exception();
    }
}

void Worker::start_up() {
    for (const Site::Hook& hook : site_->startup())
        if (const std::exception_ptr error = run_hook(hook))
            throw std::runtime_error("the start-up function of " + hook.name + " failed: " + describe(error));
    has_started_ = true;
}

void Worker::shut_down() noexcept {
    is_shutting_down_ = true;
    while (others_ > 0) wait_turn();
    for (const Site::Hook& hook : site_->shutdown() | std::views::reverse)
        if (const std::exception_ptr error = run_hook(hook))
            logger().error("the shutdown function of {} failed: {}", hook.name, describe(error));
    visit_tasks([](WorkerTask& task) { task.context().cancel(); });
    last_turn();
    destroy_tasks();
}

void Worker::on_other_end() {
    --others_;
    post([] {});  // the worker that waits looks at the number again
}

// ---- the thread -------------------------------------------------------------------------------------------------

void Worker::run(std::vector<net::ListeningSocket> sockets, const ServeOptions& options,
                 std::promise<void>& listening) {
    worker_of_thread = this;
    number_of_thread = RunningNumbers::add();
    std::exception_ptr failure = catch_failure([&] { set_up(options); });
    const bool is_set_up = !failure;
    if (is_set_up) {
        {
            const std::lock_guard lock(post_mutex_);
            takes_posts_ = true;
        }
        failure = catch_failure([&] {
            if (options.runs_hooks) start_up();
            server_->listen(std::move(sockets));
        });
        if (!failure) {
            listening.set_value();
            serve();
        } else {
            cancel_spawned_tasks();
            last_turn();
        }
        finish();
    }
    server_.reset();
    woken_timer_.reset();
    shutdown_timer_.reset();
    abandoned_timer_.reset();
    spawned_tasks_timer_.reset();
    reactor_.reset();
    if (is_set_up) {
        std::unique_lock lock(post_mutex_);
        release_in_turn(lock);
    }
    RunningNumbers::remove(std::exchange(number_of_thread, 0));
    worker_of_thread = nullptr;
    site_.reset();
    if (failure) listening.set_exception(failure);
}

void Worker::set_up(const ServeOptions& options) {
    reactor_.emplace();
    woken_timer_.emplace([](void* self) { static_cast<Worker*>(self)->run_woken(); }, this);
    server_.emplace(*reactor_, site_->routes(), *this, log_, limit_);
    if (options.access_log != AccessLog::off)
        server_->service().add_observer(make_access_log(options.access_log == AccessLog::json
                                                            ? service::AccessLog::Format::json
                                                            : service::AccessLog::Format::common));
    if (options.tls) server_->use_tls(*options.tls);
}

bool Worker::post(std::function<void()> task) {
    const std::lock_guard lock(post_mutex_);
    if (takes_posts_) reactor_->post(std::move(task));
    return takes_posts_;
}

void Worker::wake(WaitOperation& operation) noexcept {
    woken_.push_back(operation);
    if (woken_timer_) reactor_->start_timer(*woken_timer_, net::Duration(0));
}

void Worker::run_woken() {
    WaitList now;  // operations that are woken meanwhile wait for the next turn
    now.splice(woken_);
    while (WaitOperation* const operation = now.pop_front()) operation->complete();
}

void Worker::reload_certificates() {
    if (reload_asked_.exchange(true)) return;
    post([this] {
        reload_asked_ = false;
        server_->reload_certificates();
    });
}

void Worker::stop() {
    post([this] { begin_stop(); });
}

void Worker::start_background() {
    post([this] {
        for (const Site::Background& each : site_->background()) start_background_task(*this, each);
    });
}

bool Worker::count_dropped() noexcept {
    ++dropped_;
    // The clock is read once per turn: a task that does not let the loop turn always sees the same time.
    if (std::exchange(drop_turn_ms_, reactor_->now_ms()) != reactor_->now_ms()) dropped_in_turn_ = 0;
    return ++dropped_in_turn_ % max_dropped_per_turn == 0;
}

void Worker::begin_stop() {
    if (std::exchange(stopping_, true)) return;
    shutdown_timer_.emplace([](void* self) { static_cast<Worker*>(self)->reactor_->stop(); }, this);
    reactor_->start_timer(*shutdown_timer_, site_->routes().settings.shutdown_timeout);
    abandoned_timer_.emplace([](void* self) { static_cast<Worker*>(self)->cancel_abandoned_handlers(); }, this);
    reactor_->start_timer(*abandoned_timer_, abandoned_check_interval);
    spawned_tasks_timer_.emplace([](void* self) { static_cast<Worker*>(self)->cancel_spawned_tasks(); }, this);
    server_->stop([this] {
        connections_gone_ = true;
        end_if_idle();
    });
    end_if_idle();
}

void Worker::end_if_idle() {
    if (handler_count_ > 0 || is_shutting_down_) return;
    if (task_count_ > 0) {
        // From a timer, because a task that begins or ends is still on the stack.
        reactor_->start_timer(*spawned_tasks_timer_, net::Duration(0));
    } else if (connections_gone_) {
        reactor_->stop();
    }
}

// Nothing waits for spawned tasks, and they may be written to run forever. Once the last handler has ended, they are
// cancelled, and have the rest of shutdown_timeout to end.
void Worker::cancel_spawned_tasks() {
    if (handler_count_ > 0 || is_shutting_down_)
        return;  // a handler has begun in the meantime: wait until it has ended
    visit_tasks([](WorkerTask& task) { task.cancel_for_stop(); });
}

// Cancels handlers that work for a client that has left. A handler that knows of its client's end, or whose client
// still waits, has until shutdown_timeout.
void Worker::cancel_abandoned_handlers() {
    reactor_->start_timer(*abandoned_timer_, abandoned_check_interval);
    visit_tasks([](WorkerTask& task) { task.cancel_if_abandoned(); });
}

template <class Visitor>
void Worker::visit_tasks(Visitor&& visit) {
    base::IntrusiveList<WorkerTask, WorkerTaskLink> left;
    left.splice(tasks_);
    while (WorkerTask* task = left.pop_front()) {
        tasks_.push_back(*task);
        visit(*task);
    }
}

// Returns the routes with the most handlers, such as "websocket /chat/{room} (20), GET /slow (1)".
std::string Worker::name_handlers() {
    std::map<std::string_view, std::size_t> counts;
    tasks_.for_each([&](WorkerTask& task) {
        if (task.kind() == WorkerTask::Kind::handler) ++counts[task.name()];
    });
    std::vector<std::pair<std::string_view, std::size_t>> most(counts.begin(), counts.end());
    std::sort(most.begin(), most.end(), [](const auto& a, const auto& b) {
        return std::tuple(b.second, a.first) < std::tuple(a.second, b.first);
    });
    std::string text;
    for (const auto& [name, count] : most | std::views::take(max_names)) {
        if (!text.empty()) text += ", ";
        text.append(name).append(" (").append(std::to_string(count)).append(")");
    }
    return most.size() > max_names ? text + ", ..." : text;
}

// Cancels the tasks that are left after shutdown_timeout; finish() destroys those that still do not end.
void Worker::cancel_tasks() {
    if (handler_count_ > 0)
        logger().warn("{} handlers did not end within shutdown_timeout: they are cancelled: {}", handler_count_,
                      name_handlers());
    if (const std::size_t spawned = task_count_ - handler_count_; spawned > 0 && handler_count_ == 0)
        logger().warn("{} spawned tasks did not end within shutdown_timeout: they are taken away", spawned);
    visit_tasks([](WorkerTask& task) { task.context().cancel(); });
}

void Worker::finish() {
    cancel_tasks();
    last_turn();  // sends the output of the cancelled tasks
    server_->abort();
    last_turn();
    destroy_tasks();
    if (has_started_ && !site_->shutdown().empty()) shut_down();
    {
        const std::lock_guard lock(post_mutex_);
        takes_posts_ = false;
        is_releasing_ = true;  // until the server and the tasks posted in time, which hold the same objects, are gone
    }
    last_turn();
    // If an exception has cut a turn short, the posted tasks run in the next one.
    for (int i = 0; i < max_last_turns && reactor_->has_work(); ++i) last_turn();
}

void Worker::destroy_tasks() noexcept {
    while (WorkerTask* task = tasks_.front()) delete task;
}

void Worker::release_late(std::function<void()> release) {
    std::unique_lock lock(post_mutex_);
    late_.push_back(std::move(release));
    if (std::exchange(is_releasing_, true)) return;
    release_in_turn(lock);
}

void Worker::release_in_turn(std::unique_lock<std::mutex>& lock) {
    while (!late_.empty()) {
        {
            const std::function<void()> release = std::move(late_.front());
            late_.pop_front();
            lock.unlock();
            release();
        }
        lock.lock();
    }
    is_releasing_ = false;
}

void Worker::serve() {
    while (true) {
        try {
            return reactor_->run();
        } catch (const std::exception& error) {
            logger().error("the server continues after an error: {}", error.what());
        }
    }
}

// A turn that waits for something to do.
void Worker::wait_turn() {
    try {
        reactor_->turn(std::nullopt);
    } catch (const std::exception& error) {
        logger().error("the server continues after an error: {}", error.what());
    }
}

void Worker::last_turn() {
    try {
        reactor_->turn(net::Duration(0));
    } catch (const std::exception& error) {
        logger().error("error while stopping: {}", error.what());
    }
}

Statistics Worker::statistics() {
    const server::ServerCounts& counts = server_->counts();
    Statistics found;
    found.accepted = counts.accepted;
    found.refused = counts.refused;
    found.connections = counts.open;
    found.websockets = state_count_;
    found.tasks = task_count_;
    found.dropped = dropped_;
    found.closed = counts.closed;
    found.limits = server::effective_settings(site_->routes().settings);
    const server::ServerLoad load = server_->load();
    found.http = load.http;
    found.send_queued_bytes = load.send_queued_bytes;
    found.partial_bytes = load.partial_bytes;
    return found;
}

}  // namespace detail

Statistics statistics() {
    detail::Worker* worker = detail::Worker::current();
    if (!worker) throw std::logic_error("statistics(): expected to be called in a handler or a task that it started");
    return worker->statistics();
}

}  // namespace proapi
