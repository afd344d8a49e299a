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

struct SpawnState {
    const std::shared_ptr<Worker> worker;
    SpawnedTask* task = nullptr;  // null after its end
    bool is_being_cancelled = false;
};

class SpawnedTask final : public WorkerTask {
public:
    SpawnedTask(Worker& worker, Task<> task)
        : WorkerTask(Kind::spawned, worker, {}, std::move(task)),
          state_(std::make_shared<SpawnState>(worker.shared_from_this(), this)) {}
    ~SpawnedTask() override { state_->task = nullptr; }
    [[nodiscard]] const std::shared_ptr<SpawnState>& state() const noexcept { return state_; }

private:
    void on_end(const std::exception_ptr& error) noexcept override {
        if (!error) return;
        try {
            std::rethrow_exception(error);
        } catch (const Cancelled&) {            // ignored: its handle or the server's stop has cancelled it
        } catch (const WebSocketDisconnect&) {  // ignored: the task ends because its connection has ended
        } catch (...) {
            logger().error("a spawned task failed: {}", describe(error));
        }
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

}  // namespace detail

detail::SpawnState& TaskHandle::state(const char* call) const {
    if (!state_) throw std::logic_error(std::string(call) + ": expected a TaskHandle, got one that was moved from");
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
