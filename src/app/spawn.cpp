// Tasks that no coroutine awaits: those that handlers spawn, and the application's background tasks. None of them
// belongs to a connection: after the end of the connection whose handler spawned a task, that task's sends do not
// throw.
#include <stdexcept>
#include <utility>

#include "app/worker.hpp"
#include "proapi/errors.hpp"

namespace proapi {

namespace detail {

class SpawnedTask;

// What a task shares with its handles and with the tasks that join it.
struct SpawnState {
    SpawnState(std::shared_ptr<Worker> own_worker, SpawnedTask* own_task) noexcept
        : worker(std::move(own_worker)), task(own_task) {}
    SpawnState(const SpawnState&) = delete;
    SpawnState& operator=(const SpawnState&) = delete;
    // A failure is logged here if the join that waited for it was cancelled in the meantime.
    ~SpawnState() {
        if (error && !is_reported) log_task_failure("a spawned task", error);
    }

    const std::shared_ptr<Worker> worker;
    SpawnedTask* task;  // null after its end
    bool is_being_cancelled = false;
    WaitList joins;
    std::exception_ptr error;
    bool is_reported = false;  // the error was logged, or a join has thrown it
};

class SpawnedTask final : public WorkerTask {
public:
    SpawnedTask(Worker& worker, Task<> task)
        : WorkerTask(Kind::spawned, worker, {}, std::move(task)),
          state_(std::make_shared<SpawnState>(worker.shared_from_this(), this)) {}
    // A task that the stop destroys has not ended by itself: whoever joins it learns that it was cancelled.
    ~SpawnedTask() override {
        if (!std::exchange(state_->task, nullptr)) return;
        state_->error = std::make_exception_ptr(Cancelled());
        state_->joins.wake_all();
    }
    [[nodiscard]] const std::shared_ptr<SpawnState>& state() const noexcept { return state_; }

private:
    void on_end(const std::exception_ptr& error) noexcept override {
        state_->error = error;
        state_->is_reported = state_->joins.empty();
        if (error && state_->is_reported) log_task_failure("a spawned task", error);
        state_->task = nullptr;
        state_->joins.wake_all();
    }

    std::shared_ptr<SpawnState> state_;
};

class BackgroundTask final : public WorkerTask {
public:
    BackgroundTask(Worker& worker, std::string name, Task<> task)
        : WorkerTask(Kind::spawned, worker, {}, std::move(task)), name_(std::move(name)) {}

private:
    void on_end(const std::exception_ptr& error) noexcept override {
        if (!error) return;
        try {
            std::rethrow_exception(error);
        } catch (const Cancelled&) {  // ignored: the server's stop has cancelled it
        } catch (...) {
            logger().error("background task {} failed: {}", name_, describe(error));
        }
    }

    const std::string name_;
};

void start_background_task(Worker& worker, const Site::Background& background) {
    // The task deletes itself when it ends.
    auto* running = new BackgroundTask(worker, background.name, background.make());
    running->start();
}

bool TaskEndOperation::await_ready() {
    if (!state_->worker->is_current())
        throw std::logic_error("TaskHandle::join(): expected to be awaited on the task's own thread, got another one");
    if (!state_->task) return true;
    if (&state_->task->context() == context())
        throw std::logic_error("TaskHandle::join(): expected another task, got the one that joins");
    check_cancelled();
    return false;
}

void TaskEndOperation::await_suspend(std::coroutine_handle<> waiting) noexcept {
    suspend_in(state_->joins, waiting);
}

void TaskEndOperation::await_resume() const {
    throw_if_cancelled();
    state_->is_reported = true;
    if (state_->error) std::rethrow_exception(state_->error);
}

void refuse_second_join() {
    throw std::logic_error("ResultHandle::join(): expected the first join of the result, got another");
}

}  // namespace detail

const std::shared_ptr<detail::SpawnState>& TaskHandle::shared_state(const char* call) const {
    if (!state_) throw std::logic_error(std::string(call) + ": expected a TaskHandle, got one that was moved from");
    return state_;
}

detail::SpawnState& TaskHandle::state(const char* call) const {
    static_cast<void>(shared_state(call));
    if (!state_->worker->is_current())
        throw std::logic_error(std::string(call) + ": expected to be called on the task's own thread, got another one");
    return *state_;
}

void TaskHandle::cancel() const {
    const detail::SpawnState& spawned = state("TaskHandle::cancel()");
    if (!spawned.task || std::exchange(state_->is_being_cancelled, true)) return;
    spawned.task->context().prepare_cancel();
    spawned.worker->post([state = state_] {
        state->is_being_cancelled = false;
        if (state->task) state->task->context().cancel();
    });
}

bool TaskHandle::is_done() const {
    return state("TaskHandle::is_done()").task == nullptr;
}

detail::TaskEndOperation TaskHandle::join() const {
    return detail::TaskEndOperation(shared_state("TaskHandle::join()"));
}

TaskHandle spawn(Task<> task) {
    detail::Worker* worker = detail::Worker::current();
    if (!worker) throw std::logic_error("spawn(): expected to be called in a handler or a task that it started");
    detail::TaskAccess::require_unused(task);
    // The task deletes itself when it ends.
    auto* spawned = new detail::SpawnedTask(*worker, std::move(task));
    TaskHandle handle(spawned->state());
    spawned->start();
    return handle;
}

}  // namespace proapi
