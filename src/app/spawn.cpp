// Spawned tasks: what a handler has started and nobody awaits.
#include <stdexcept>

#include "app/connection_state.hpp"
#include "app/worker.hpp"

namespace proapi {

namespace detail {

class SpawnedTask;

struct SpawnState {
    SpawnedTask* task = nullptr;  // while it runs
};

class SpawnedTask final : public Detached {
public:
    SpawnedTask(Worker& worker, ConnectionRef owner, Task<> task)
        : Detached(Kind::spawned, worker, std::move(owner), std::move(task)) {
        state_->task = this;
    }
    ~SpawnedTask() override { state_->task = nullptr; }
    [[nodiscard]] const std::shared_ptr<SpawnState>& state() const noexcept { return state_; }

private:
    void on_end(const std::exception_ptr& error) noexcept override {
        if (!error) return;
        try {
            std::rethrow_exception(error);
        } catch (const Cancelled&) {
        } catch (const WebSocketDisconnect&) {  // its connection has ended, and it with it
        } catch (...) {
            logger().error("a spawned task failed: {}", describe(error));
        }
    }

    std::shared_ptr<SpawnState> state_ = std::make_shared<SpawnState>();
};

}  // namespace detail

void TaskHandle::cancel() const {
    if (state_->task) state_->task->context().cancel();
}

bool TaskHandle::is_done() const noexcept {
    return state_->task == nullptr;
}

TaskHandle spawn(Task<> task) {
    detail::Worker* worker = detail::Worker::current();
    if (!worker) throw std::logic_error("spawn(): expected to be called in a handler or a task of one");
    detail::TaskAccess::require_unused(task);
    const detail::Context* context = detail::Context::current();
    // It deletes itself when it ends.
    auto* spawned =
        new detail::SpawnedTask(*worker, context ? context->owner_ref() : detail::ConnectionRef(), std::move(task));
    TaskHandle handle(spawned->state());
    spawned->start();
    return handle;
}

}  // namespace proapi
