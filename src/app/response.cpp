#include "proapi/response.hpp"

#include <algorithm>
#include <system_error>

#include "app/response_writer.hpp"
#include "app/wake_ups.hpp"
#include "http/response.hpp"
#include "http/text.hpp"

namespace proapi {

Response Response::json(const Json& content, int status_code) {
    return Response(write_json(content), status_code, {}, "application/json");
}

Response Response::file(std::filesystem::path path, std::string media_type) {
    Response response;
    response.body = std::move(path);
    response.media_type = std::move(media_type);
    return response;
}

Response Response::stream(Stream write, std::string media_type) {
    Response response;
    response.body = std::move(write);
    response.media_type = std::move(media_type);
    return response;
}

namespace detail {

namespace {

template <class T>
T require(const service::Result<T>& result) {
    if (!result) {
        const service::Error& error = result.error();
        if (error.kind() == service::ErrorKind::value) throw std::invalid_argument(error.text);
        throw std::logic_error(error.text);
    }
    if constexpr (!std::is_void_v<T>) return *result;
}

[[nodiscard]] bool is_text_without_charset(std::string_view media_type) {
    constexpr std::string_view text = "text/";
    if (!http::equals_ignoring_case(media_type.substr(0, text.size()), text)) return false;
    std::string lower(media_type);
    std::ranges::transform(lower, lower.begin(), http::lower);
    return lower.find("charset=") == std::string::npos;
}

}  // namespace

http::Headers make_fields(const Response& response) {
    http::Headers fields;
    for (const auto& [name, value] : response.headers) fields.add(name, value);
    const std::string& media_type = response.media_type;
    if (!media_type.empty() && !fields.contains("content-type"))
        fields.add("Content-Type", is_text_without_charset(media_type) ? media_type + "; charset=utf-8" : media_type);
    return fields;
}

namespace {

void write_file(service::Exchange& exchange, const Response& response, const std::filesystem::path& path) {
    service::StaticFile found = service::answer_with_file_at(path.string(), response.status_code, make_fields(response),
                                                             exchange.request().head);
    if (found.error != 0) throw std::system_error(found.error, std::generic_category(), path.string());
    if (!found.file) return require(exchange.respond(found.status, found.headers, found.text));
    require(exchange.respond_with_file(found.status, found.headers, std::move(*found.file)));
}

void write_found(service::Exchange& exchange, const Response& response, OpenFile& file) {
    if (std::exchange(file.is_sent, true))
        throw std::logic_error("expected a file of static_files() in one response, got a second one");
    const http::Headers headers = make_fields(response);
    service::StaticFile& found = file.found;
    if (!found.file) return require(exchange.respond(response.status_code, headers, found.text));
    require(exchange.respond_with_file(response.status_code, headers, std::move(*found.file)));
}

}  // namespace

// The state that the writers of a stream share. The head is sent with the first part, or when the stream first waits: a
// stream that fails before that still gets an error response.
class StreamState {
public:
    StreamState(std::shared_ptr<Worker> worker, base::IntrusivePtr<service::Exchange> exchange, int status,
                http::Headers headers) noexcept
        : exchange_(std::move(worker), std::move(exchange)), status_(status), headers_(std::move(headers)) {}

    [[nodiscard]] service::Exchange& exchange() const {
        if (!exchange_.worker()->is_current())
            throw std::logic_error("write(): expected to be called on the handler's thread, got another one");
        return *exchange_;
    }
    void open() {
        if (!exchange().is_started()) require(exchange().start(status_, headers_, std::nullopt));
    }
    // Sets the waiter that cancels the stream's `context` when the client leaves; null for none.
    void set_disconnect_waiter(service::Waiter* waiter, const Context* context) noexcept {
        disconnect_waiter_ = waiter;
        context_ = context;
    }
    // Records that the current context has been informed of the client's end.
    void mark_end_seen_by_caller() const noexcept {
        Context* const told = Context::current();
        if (!disconnect_waiter_ || !told) return;
        told->mark_end_seen();
        if (context_->has_seen_end()) disconnect_waiter_->cancel_wait();
    }

private:
    WorkerPtr<service::Exchange> exchange_;
    const int status_;
    const http::Headers headers_;
    service::Waiter* disconnect_waiter_ = nullptr;
    const Context* context_ = nullptr;
};

namespace {

// Runs a stream. A response without a body (to HEAD) only needs to know whether the stream begins without an error: the
// stream is abandoned where it first waits.
class RunningStream {
public:
    RunningStream(Task<> task, Context& context, StreamState& state, service::Waiter& cancel_at_end)
        : task_(std::move(task)), state_(state) {
        task_.set_context(&context);
        state_.set_disconnect_waiter(&cancel_at_end, &context);
    }
    ~RunningStream() { state_.set_disconnect_waiter(nullptr, nullptr); }
    RunningStream(const RunningStream&) = delete;
    RunningStream& operator=(const RunningStream&) = delete;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) {
        if (!TaskAccess::run_until_it_waits(task_, awaiting)) return false;
        state_.open();
        is_abandoned_ = !state_.exchange().has_body();
        return !is_abandoned_;
    }
    void await_resume() {
        if (!is_abandoned_) TaskAccess::take(task_);
    }
    void set_context(Context*) const noexcept {}  // set by the constructor

private:
    Task<> task_;
    StreamState& state_;
    bool is_abandoned_ = false;
};

Task<> write_stream(std::shared_ptr<Worker> worker, base::IntrusivePtr<service::Exchange> exchange, Response response) {
    http::Headers headers = make_fields(response);
    if (const auto checked = http::check_response(response.status_code, headers); !checked)
        throw std::invalid_argument(checked.error().text);
    CancelAtEnd cancel_at_end(*Context::current(), *exchange);
    auto state = std::make_shared<StreamState>(std::move(worker), exchange, response.status_code, std::move(headers));
    {
        RunningStream running(std::get<Response::Stream>(response.body)(BodyWriter(state)), *Context::current(), *state,
                              cancel_at_end);
        co_await running;
    }
    state->open();
    require(exchange->finish());
}

}  // namespace

std::optional<Task<>> write_response(const std::shared_ptr<Worker>& worker,
                                     const base::IntrusivePtr<service::Exchange>& exchange, Response response) {
    if (const auto* text = std::get_if<std::string>(&response.body)) {
        require(exchange->respond(response.status_code, make_fields(response), *text));
        return std::nullopt;
    }
    if (const auto* path = std::get_if<std::filesystem::path>(&response.body)) {
        write_file(*exchange, response, *path);
        return std::nullopt;
    }
    if (const auto* file = std::get_if<FoundFile>(&response.body)) {
        write_found(*exchange, response, file->open_file());
        return std::nullopt;
    }
    return write_stream(worker, exchange, std::move(response));
}

namespace {

[[noreturn]] void refuse_moved_writer() {
    throw std::logic_error("write(): expected a BodyWriter, got one that was moved from");
}

}  // namespace

WriteOperation::WriteOperation(std::shared_ptr<StreamState> state, bool is_full, bool has_ended) noexcept
    : state_(std::move(state)), is_full_(is_full), has_ended_(has_ended) {}
WriteOperation::WriteOperation(WriteOperation&&) noexcept = default;
WriteOperation::~WriteOperation() = default;

bool WriteOperation::await_ready() {
    if (!state_) refuse_moved_writer();
    if (!is_full_ && !has_ended_) return true;
    check_cancelled();
    return false;
}

void WriteOperation::await_suspend(std::coroutine_handle<> waiting) {
    suspend(waiting);
    if (has_ended_ || state_->exchange().has_ended()) {
        // A stream that keeps writing after the end must not block the loop.
        wake_up_ = std::make_unique<TimerWakeUp>(*this, std::chrono::milliseconds(0),
                                                 [](Operation& operation) { operation.complete(); });
        return;
    }
    auto wait = std::make_unique<WaiterWakeUp>(*this);
    state_->exchange().wait_drained(*wait);
    wake_up_ = std::move(wait);
}

bool WriteOperation::await_resume() const {
    throw_if_cancelled();
    const bool is_there = !has_ended_ && !state_->exchange().has_ended();
    if (!is_there) state_->mark_end_seen_by_caller();
    return is_there;
}

}  // namespace detail

detail::WriteOperation BodyWriter::write(std::string_view part) const {
    if (!state_) detail::refuse_moved_writer();
    state_->open();
    const service::SendOutcome outcome = detail::require(state_->exchange().write(base::as_bytes(part)));
    return detail::WriteOperation(state_, outcome == service::SendOutcome::full,
                                  outcome == service::SendOutcome::ended);
}

}  // namespace proapi
