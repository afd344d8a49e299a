#include "app/http_task.hpp"

#include "app/middleware_chain.hpp"
#include "app/refusals.hpp"
#include "app/request_state.hpp"
#include "app/response_writer.hpp"
#include "service/ending.hpp"
#include "service/log.hpp"

namespace proapi::detail {

namespace {

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

[[nodiscard]] Task<Response> call_handler(const Site::Entry& entry, const Request& request) {
    const PathValues values = path_values(RequestAccess::state(request).info().match);
    auto running = entry.http->call(request, values);
    if (!running) throw make_exception(service::Refusal::not_found);
    return *std::move(running);
}

// Returns the response to an exception that the program foresaw: its exception handler's, or its own if it is a
// response. Throws what the exception handler throws.
[[nodiscard]] std::optional<Response> answer_foreseen(const Worker& worker, const Request& request,
                                                      const Site::Entry& entry, const std::exception_ptr& error) {
    const HTTPException* const refusal = find_http_exception(error);
    auto response = worker.site().request_hooks().exception_handlers.answer_foreseen(request, error);
    if (!response && refusal) response = make_response(*refusal);
    if (response && refusal && entry.is_of_engine) add_missing_fields(*response, *refusal);
    return response;
}

// A request that passes through middleware.
struct Passage {
    Passage(std::shared_ptr<Worker> own_worker, const Site::Entry& own_entry) noexcept
        : worker(std::move(own_worker)), entry(own_entry) {}

    const std::shared_ptr<Worker> worker;
    const Site::Entry& entry;
    bool has_handler_failed = false;  // an exception handler has failed: no other one may be asked
};

// What the last middleware's call_next() returns.
Task<Response> respond_foreseen(std::shared_ptr<Passage> passage, Request request) {
    std::exception_ptr error;
    try {
        Task<Response> running = call_handler(passage->entry, request);
        co_return co_await std::move(running);
    } catch (const ClientDisconnect&) {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        error = std::current_exception();
    }
    passage->has_handler_failed = true;
    auto response = answer_foreseen(*passage->worker, request, passage->entry, error);
    passage->has_handler_failed = false;
    if (!response) std::rethrow_exception(error);
    co_return *std::move(response);
}

[[nodiscard]] Task<Response> pass_through_middleware(const std::shared_ptr<Passage>& passage, const Request& request) {
    const auto& middleware = passage->worker->site().request_hooks().middleware;
    return MiddlewareChain<Request>::begin(
        middleware, [passage](Request each) { return respond_foreseen(passage, std::move(each)); }, request);
}

// Returns the response to an exception; nullopt after it has ended the request without one. An exception handler that
// fails is not handled, so that nothing can loop.
std::optional<Response> answer_exception(const Worker& worker, const Request& request, service::Exchange& exchange,
                                         const Site::Entry& entry, const std::exception_ptr& error) {
    if (exchange.is_started()) {  // with another status
        if (find_http_exception(error)) {
            exchange.fail();
        } else {
            end_failed(exchange, entry, error);
        }
        return std::nullopt;
    }
    try {
        if (auto response = answer_foreseen(worker, request, entry, error)) return response;
        auto response = worker.site().request_hooks().exception_handlers.answer_last(request, error);
        if (response) {
            log_failure(exchange, entry, describe(error));
        } else {
            end_failed(exchange, entry, error);
        }
        return response;
    } catch (...) {
        end_failed(exchange, entry, std::current_exception());
        return std::nullopt;
    }
}

// No exception leaves this coroutine: each becomes a response.
Task<> answer(base::IntrusivePtr<service::Exchange> exchange, std::shared_ptr<Worker> worker,
              const Site::Entry* entry) {
    // The request's data stays valid until the response is written, also for the closure of a stream.
    const Request request(std::make_shared<const RequestState>(worker, exchange, entry->http->streams_body()));
    std::shared_ptr<Passage> passage;  // null: there is no middleware
    std::optional<Response> response_to_exception;
    try {
        if (!worker->site().request_hooks().middleware.empty()) passage = std::make_shared<Passage>(worker, *entry);
        Task<Response> running = passage ? pass_through_middleware(passage, request) : call_handler(*entry, request);
        std::optional<CancelAtEnd> while_it_runs;
        if (entry->options.cancel_on_disconnect) {
            exchange->end_with_client();
            while_it_runs.emplace(*Context::current(), *exchange);
        }
        Response response = co_await std::move(running);
        while_it_runs.reset();
        if (auto stream = write_response(worker, exchange, std::move(response))) co_await std::move(*stream);
    } catch (const ClientDisconnect&) {
        end_request(*exchange, service::HandlerEnd::failed);  // nobody gets the answer
    } catch (const Cancelled&) {
        end_cancelled(*worker, *exchange, *entry);
    } catch (...) {
        if (passage && passage->has_handler_failed) {
            end_failed(*exchange, *entry, std::current_exception());
        } else {
            response_to_exception = answer_exception(*worker, request, *exchange, *entry, std::current_exception());
        }
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

void start_http_task(Worker& worker, base::IntrusivePtr<service::Exchange> exchange) {
    const Site& site = worker.site();
    const Site::Entry& entry = exchange->refusal() ? site.refusal_entry() : site.entry(exchange->request().match.route);
    // The task deletes itself when it ends.
    auto* running = new HttpTask(entry, worker, std::move(exchange));
    running->start();
}

}  // namespace proapi::detail
