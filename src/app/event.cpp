#include "proapi/event.hpp"

#include <stdexcept>
#include <string>

namespace proapi {

bool detail::EventOperation::await_ready() {
    state_->binding.require("Event::wait()");
    if (state_->is_set) return true;
    check_cancelled();
    return false;
}

const std::shared_ptr<detail::EventState>& Event::state(const char* call) const {
    if (!state_) throw std::logic_error(std::string(call) + ": expected an Event, got one that was moved from");
    return state_;
}

void Event::set() const {
    detail::EventState& event = *state("Event::set()");
    event.binding.require("Event::set()");
    event.is_set = true;
    event.waiting.wake_all();
}

void Event::clear() const {
    detail::EventState& event = *state("Event::clear()");
    event.binding.require("Event::clear()");
    event.is_set = false;
}

bool Event::is_set() const {
    detail::EventState& event = *state("Event::is_set()");
    event.binding.require("Event::is_set()");
    return event.is_set;
}

detail::EventOperation Event::wait() const {
    return detail::EventOperation(state("Event::wait()"));
}

}  // namespace proapi
