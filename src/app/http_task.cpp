#include "app/http_task.hpp"

#include "app/request_state.hpp"
#include "app/response_writer.hpp"
#include "service/ending.hpp"
#include "service/log.hpp"

namespace proapi::detail {

namespace {

constexpr std::string_view text_type = "text/plain; charset=utf-8";

// A started response has sent another status already: it is cut.
void refuse(service::Exchange& exchange, const HTTPException& error) {
    if (exchange.is_started()) return exchange.fail();
    http::Headers headers = refusal_headers(error);
    if (!headers.contains("content-type")) headers.add("Content-Type", std::string(text_type));
    static_cast<void>(exchange.respond(error.status_code(), headers, make_body(error)));
}

void log_failure(const service::Exchange& exchange, const Site::Entry& entry, std::string_view error) {
    const http::RequestHead& head = exchange.request().head;
    logger().error("{} {}: the handler of {} failed: {}", head.method, service::escape_for_log(head.raw_path()),
                   entry.name, error);
}

void end_failed(service::Exchange& exchange, const Site::Entry& entry, const std::exception_ptr& error) {
    log_failure(exchange, entry, describe(error));
    end_request(exchange, service::HandlerEnd::failed);
}

void end_cancelled(const Worker& worker, service::Exchange& exchange, const Site::Entry& entry) {
    if (worker.is_stopping()) return end_request(exchange, service::HandlerEnd::stopped);
    if (!exchange.has_ended()) log_failure(exchange, entry, cancelled_by_another);
    end_request(exchange, service::HandlerEnd::failed);
}

// What the engine would answer with, for the application's exception handlers.
[[nodiscard]] HTTPException make_exception(const service::PendingRefusal& refusal) {
    Headers headers;
    for (const auto& [name, value] : refusal.headers) headers.add(std::string(name), std::string(value));
    return {refusal.status, refusal.text, std::move(headers)};
}

// Adds fields such as Allow, which HTTP requires with their status (RFC 9110 section 15.5.6).
void add_missing_fields(Response& response, const service::PendingRefusal& refusal) {
    if (response.status_code != refusal.status) return;
    for (const auto& [name, value] : refusal.headers)
        if (!response.headers.contains(name)) response.headers.add(std::string(name), std::string(value));
}

// Returns the response of an exception handler; nullopt after it has ended the request without one. An exception
// handler that fails is not handled, so that nothing can loop.
std::optional<Response> answer_exception(const Worker& worker, const Request& request, service::Exchange& exchange,
                                         const Site::Entry& entry, const std::exception_ptr& error) {
    try {
        auto answer = exchange.is_started() ? std::nullopt : worker.site().exception_handlers().answer(request, error);
        if (answer) {
            if (!answer->is_foreseen) log_failure(exchange, entry, describe(error));
            if (exchange.refusal()) add_missing_fields(answer->response, *exchange.refusal());
            return std::move(answer->response);
        }
    } catch (...) {
        end_failed(exchange, entry, std::current_exception());
        return std::nullopt;
    }
    try {
        std::rethrow_exception(error);
    } catch (const HTTPException& refusal) {
        refuse(exchange, refusal);
    } catch (...) {
        end_failed(exchange, entry, error);
    }
    return std::nullopt;
}

// No exception leaves this coroutine: each becomes a response.
Task<> answer(base::IntrusivePtr<service::Exchange> exchange, std::shared_ptr<Worker> worker,
              const Site::Entry* entry) {
    // The request's data stays valid until the response is written, also for the closure of a stream.
    const Request request(std::make_shared<const RequestState>(worker, exchange, entry->http->streams_body()));
    std::optional<Response> response_to_exception;
    try {
        if (exchange->refusal()) throw make_exception(*exchange->refusal());
        auto running = entry->http->call(request, path_values(exchange->request().match));
        if (!running) {
            exchange->refuse(service::Refusal::not_found);
            co_return;
        }
        std::optional<CancelAtEnd> while_it_runs;
        if (entry->options.cancel_on_disconnect) {
            exchange->end_with_client();
            while_it_runs.emplace(*Context::current(), *exchange);
        }
        Response response = co_await std::move(*running);
        while_it_runs.reset();
        if (auto stream = write_response(worker, exchange, std::move(response))) co_await std::move(*stream);
    } catch (const ClientDisconnect&) {
        end_request(*exchange, service::HandlerEnd::failed);  // nobody gets the answer
    } catch (const Cancelled&) {
        end_cancelled(*worker, *exchange, *entry);
    } catch (...) {
        response_to_exception = answer_exception(*worker, request, *exchange, *entry, std::current_exception());
    }
    if (!response_to_exception) co_return;
    try {
        if (auto stream = write_response(worker, exchange, std::move(*response_to_exception)))
            co_await std::move(*stream);
    } catch (const Cancelled&) {
        end_cancelled(*worker, *exchange, *entry);
    } catch (...) {
        end_failed(*exchange, *entry, std::current_exception());
    }
}

class HttpTask final : public WorkerTask {
public:
    HttpTask(const Site::Entry& entry, Worker& worker, base::IntrusivePtr<service::Exchange> exchange)
        : WorkerTask(Kind::handler, worker, {}, answer(exchange, worker.shared_from_this(), &entry)),
          entry_(entry),
          exchange_(std::move(exchange)) {}
    [[nodiscard]] std::string_view name() noexcept override { return entry_.name; }
    // Excludes handlers that their cancellation informs.
    [[nodiscard]] bool is_abandoned() const noexcept override {
        return exchange_->has_client_left() && entry_.http->is_coroutine() && !entry_.options.cancel_on_disconnect;
    }

private:
    void on_end(const std::exception_ptr&) noexcept override {}

    const Site::Entry& entry_;
    const base::IntrusivePtr<service::Exchange> exchange_;
};

}  // namespace

std::string make_body(const HTTPException& error) {
    const std::string text = error.what();
    return text.empty() || text.ends_with('\n') ? text : text + "\n";
}

http::Headers refusal_headers(const HTTPException& error) {
    http::Headers fields;
    for (const auto& [name, value] : error.headers()) fields.add(name, value);
    return fields;
}

void start_http_task(Worker& worker, base::IntrusivePtr<service::Exchange> exchange) {
    const Site& site = worker.site();
    const Site::Entry& entry = exchange->refusal() ? site.refusal_entry() : site.entry(exchange->request().match.route);
    // The task deletes itself when it ends.
    auto* running = new HttpTask(entry, worker, std::move(exchange));
    running->start();
}

}  // namespace proapi::detail
