// Sends a Response through the engine's exchange, streams included.
#pragma once

#include <optional>

#include "app/worker.hpp"
#include "proapi/response.hpp"
#include "service/exchange.hpp"

namespace proapi::detail {

// Cancels a context when its client leaves, even if the context waits for something else; at once if the client has
// left before.
class CancelAtEnd final : public service::Waiter {
public:
    CancelAtEnd(Context& context, service::Exchange& exchange) : context_(context) {
        if (exchange.has_ended()) {
            context_.cancel();
        } else {
            exchange.wait_end(*this);
        }
    }
    void on_ready() override { context_.cancel(); }

private:
    Context& context_;
};

// Sends the response. Returns what is left to await if it is a stream. Throws std::invalid_argument for a status or
// headers that would make the response invalid.
[[nodiscard]] std::optional<Task<>> write_response(const std::shared_ptr<Worker>& worker,
                                                   const base::IntrusivePtr<service::Exchange>& exchange,
                                                   Response response);

}  // namespace proapi::detail
