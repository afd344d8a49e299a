// Sends a Response through the engine's exchange, streams included.
#pragma once

#include <optional>

#include "app/worker.hpp"
#include "proapi/response.hpp"
#include "service/exchange.hpp"
#include "service/static_files.hpp"

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

// What a FoundFile holds.
struct OpenFile {
    service::StaticFile found;
    bool is_sent = false;
};

// Returns the response's own fields, and the content type unless they have one.
[[nodiscard]] http::Headers make_fields(const Response& response);

// Sends the response. Returns what is left to await if it is a stream. Throws std::invalid_argument for a status or
// headers that would make the response invalid.
[[nodiscard]] std::optional<Task<>> write_response(const std::shared_ptr<Worker>& worker,
                                                   const base::IntrusivePtr<service::Exchange>& exchange,
                                                   Response response);

}  // namespace proapi::detail
