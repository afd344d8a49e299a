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

// No exception leaves this coroutine: each becomes a response.
Task<> answer(base::IntrusivePtr<service::Exchange> exchange, std::shared_ptr<Worker> worker,
              const Site::Entry* entry) {
    // The request's data stays valid until the response is written, also for the closure of a stream.
    const Request request(std::make_shared<const RequestState>(worker, exchange, entry->http->streams_body()));
    try {
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
        co_await write_response(worker, exchange, std::move(response));
    } catch (const HTTPException& error) {
        refuse(*exchange, error);
    } catch (const ClientDisconnect&) {
        end_request(*exchange, service::HandlerEnd::failed);  // nobody gets the answer
    } catch (const Cancelled&) {
        if (worker->is_stopping()) {
            end_request(*exchange, service::HandlerEnd::stopped);
        } else {
            if (!exchange->has_ended()) log_failure(*exchange, *entry, cancelled_by_another);
            end_request(*exchange, service::HandlerEnd::failed);
        }
    } catch (...) {
        log_failure(*exchange, *entry, describe(std::current_exception()));
        end_request(*exchange, service::HandlerEnd::failed);
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
    const Site::Entry& entry = worker.site().entry(exchange->request().match.route);
    // The task deletes itself when it ends.
    auto* running = new HttpTask(entry, worker, std::move(exchange));
    running->start();
}

}  // namespace proapi::detail
