#include "proapi/body_stream.hpp"

#include <stdexcept>

#include "app/form.hpp"
#include "app/request_state.hpp"
#include "app/wake_ups.hpp"
#include "proapi/errors.hpp"

namespace proapi::detail {

bool ReadBodyOperation::await_ready() {
    if (!state_) throw std::logic_error("read(): expected a BodyStream, got one whose Request was moved from");
    if (!state_->is_on_own_thread())
        throw std::logic_error("read(): expected to be called on the handler's thread, got another one");
    if (!state_->exchange().must_wait_for_body()) return true;
    check_cancelled();
    return false;
}

void ReadBodyOperation::await_suspend(std::coroutine_handle<> waiting) {
    suspend(waiting);
    auto wait = std::make_unique<WaiterWakeUp>(*this);
    state_->exchange().wait_body(*wait);
    wake_up_ = std::move(wait);
}

std::optional<std::string> ReadBodyOperation::await_resume() const {
    throw_if_cancelled();
    service::Exchange& exchange = state_->exchange();
    auto part = exchange.read_body();
    if (!part) {
        if (const auto& refusal = exchange.body_refusal())
            throw HTTPException(refusal->status, std::string(refusal->text));
        throw ClientDisconnect(part.error().text);
    }
    if (!*part && !exchange.is_body_whole())
        throw std::logic_error("read(): expected one task to read the body, got another one that took the part");
    return *std::move(part);
}

}  // namespace proapi::detail

namespace proapi {

Task<FormData> BodyStream::form(const FormOptions& options) const {
    if (!state_) throw std::logic_error("form(): expected a BodyStream, got one whose Request was moved from");
    return detail::read_form(*this, state_->view().headers.get("content-type", ""), options);
}

}  // namespace proapi
