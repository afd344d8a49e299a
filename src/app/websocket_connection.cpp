#include "proapi/websocket_connection.hpp"

#include "app/connection_state.hpp"
#include "app/send_operation.hpp"
#include "app/wake_ups.hpp"

namespace proapi {

namespace {

[[nodiscard]] http::Headers engine_headers(const Headers& headers) {
    http::Headers fields;
    for (const auto& [name, value] : headers) fields.add(name, value);
    return fields;
}

[[nodiscard]] ws::Encoding get_encoding(const SendOptions& options) noexcept {
    return options.compress ? ws::Encoding::negotiated : ws::Encoding::none;
}

}  // namespace

namespace detail {

// ---- sending ----------------------------------------------------------------------------------------------------

SendOperation::Unfinished::~Unfinished() {
    if (is_waiting() && remote_) remote_->wait(nullptr);
}

bool SendOperation::Unfinished::is_over() {
    if (remote_) {
        if (!Worker::current() || remote_->is_done()) return true;
    } else if (!next_turn_ || is_owners()) {
        // After the end nothing drains; outcome() reports the end.
        if (state_->has_ended() || state_->websocket().is_closed() || !state_->websocket().is_above_low_water())
            return true;
    }
    check_cancelled();
    return false;
}

void SendOperation::Unfinished::wait(std::coroutine_handle<> waiting) {
    if (remote_) {
        remote_->wait(this);
    } else if (next_turn_) {
        wake_up_ = std::make_unique<TimerWakeUp>(*this, std::chrono::milliseconds(0),
                                                 [](Operation& operation) { operation.complete(); });
    } else {
        auto wait = std::make_unique<WaiterWakeUp>(*this);
        state_->websocket().wait_drained(*wait);
        wake_up_ = std::move(wait);
    }
    suspend(waiting);
}

bool SendOperation::Unfinished::outcome() {
    if (is_cancelled() && remote_) remote_->wait(nullptr);
    throw_if_cancelled();
    if (remote_) return !remote_->is_done() || remote_->was_delivered();
    if (!state_->has_ended() && !state_->websocket().is_closed()) return true;
    if (is_owners()) state_->raise_disconnect();
    return false;
}

void SendOperation::Delete::operator()(Unfinished* unfinished) const noexcept {
    delete unfinished;
}

void SendOperation::tell_context(Context* context) const noexcept {
    unfinished_->set_context(context);
}

bool SendOperation::is_over() {
    return unfinished_->is_over();
}

void SendOperation::await_suspend(std::coroutine_handle<> waiting) {
    unfinished_->wait(waiting);
}

bool SendOperation::outcome() {
    return unfinished_->outcome();
}

// ---- closing ----------------------------------------------------------------------------------------------------

CloseOperation::CloseOperation(ConnectionRef state) noexcept : state_(std::move(state)) {}
CloseOperation::CloseOperation(CloseOperation&&) noexcept = default;
CloseOperation::~CloseOperation() = default;

bool CloseOperation::await_ready() {
    if (!state_ || state_->websocket().buffered_amount() == 0) return true;
    check_cancelled();
    return false;
}

void CloseOperation::await_suspend(std::coroutine_handle<> waiting) {
    auto wait = std::make_unique<WaiterWakeUp>(*this);
    state_->websocket().wait_flushed(*wait);
    wake_up_ = std::move(wait);
    suspend(waiting);
}

WaitForEndOperation::WaitForEndOperation(ConnectionRef state) noexcept : state_(std::move(state)) {}
WaitForEndOperation::WaitForEndOperation(WaitForEndOperation&&) noexcept = default;
WaitForEndOperation::~WaitForEndOperation() = default;

bool WaitForEndOperation::await_ready() {
    if (!state_) refuse_moved_connection("wait_closed()");
    if (state_->websocket("wait_closed()").has_ended()) return true;
    check_cancelled();
    return false;
}

void WaitForEndOperation::await_suspend(std::coroutine_handle<> waiting) {
    auto wait = std::make_unique<WaiterWakeUp>(*this);
    state_->websocket().wait_closed(*wait);
    wake_up_ = std::move(wait);
    suspend(waiting);
}

void WaitForEndOperation::await_resume() const {
    throw_if_cancelled();
    state_->mark_end_seen_by_caller();
}

// ---- receiving --------------------------------------------------------------------------------------------------

// Of the base there is nothing to move before it is awaited.
ReceiveOperation::ReceiveOperation(ReceiveOperation&& other) noexcept : state_(std::move(other.state_)) {}

ReceiveOperation::~ReceiveOperation() {
    if (is_waiting()) state_->cancel_receive(*this);
}

void refuse_moved_connection(const char* call) {
    throw WebSocketStateError(std::string(call) + ": expected a WebSocketConnection, got one that was moved from");
}

bool ReceiveOperation::await_ready() {
    if (!state_) [[unlikely]]
        refuse_moved_connection("receive");
    received_ = state_->try_receive(message_);
    if (!received_) check_cancelled();
    return received_;
}

void ReceiveOperation::await_suspend(std::coroutine_handle<> waiting) noexcept {
    suspend(waiting);
    state_->wait_message(*this);
}

// After this, another receive may wait for the next message.
void ReceiveOperation::prepare_cancel() noexcept {
    state_->cancel_receive(*this);
}

void ReceiveOperation::on_cancel() {
    prepare_cancel();
    Operation::on_cancel();
}

void ReceiveOperation::check_received() const {
    if (received_) return;
    throw_if_cancelled();
    state_->raise_disconnect();
}

std::string ReceiveOperation::take_text() {
    check_received();
    if (auto* text = std::get_if<std::string>(&message_)) return std::move(*text);
    throw WebSocketMessageError(WebSocketMessageError::Fault::kind,
                                "receive_text(): expected a text message, got a binary one; receive() takes both",
                                std::move(message_));
}

Bytes ReceiveOperation::take_bytes() {
    check_received();
    if (auto* bytes = std::get_if<Bytes>(&message_)) return std::move(*bytes);
    throw WebSocketMessageError(WebSocketMessageError::Fault::kind,
                                "receive_bytes(): expected a binary message, got a text; receive() takes both",
                                std::move(message_));
}

Json ReceiveOperation::take_json() {
    check_received();
    std::string_view octets;
    if (const auto* text = std::get_if<std::string>(&message_)) {
        octets = *text;
    } else if (const auto& bytes = std::get<Bytes>(message_); !bytes.empty()) {
        octets = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    try {
        return parse_json(octets);
    } catch (const std::invalid_argument& error) {
        refuse_content(error.what());
    }
}

void ReceiveOperation::refuse_content(const std::string& text) {
    throw WebSocketMessageError(WebSocketMessageError::Fault::content, "receive_json(): " + text, std::move(message_));
}

}  // namespace detail

// ---- the handle -------------------------------------------------------------------------------------------------

detail::Done WebSocketConnection::accept(std::optional<std::string_view> subprotocol, const Headers& headers) const {
    ref("accept()")->accept(subprotocol, engine_headers(headers));
    return {};
}

detail::Done WebSocketConnection::reject(int status, std::string_view body, const Headers& headers) const {
    detail::ConnectionState& state = *ref("reject()");
    state.require(state.websocket("reject()").reject(status, body, engine_headers(headers)));
    state.note_own_end();
    return {};
}

detail::CloseOperation WebSocketConnection::close(int code, std::string_view reason) const {
    return detail::CloseOperation(ref("close()")->close(code, reason) ? state_ : detail::ConnectionRef());
}

detail::SendOperation WebSocketConnection::send_text(std::string_view text, const SendOptions& options) const {
    return ref("send_text()")->send(service::MessageKind::text, base::as_bytes(text), get_encoding(options));
}

detail::SendOperation WebSocketConnection::send_bytes(std::span<const std::byte> bytes,
                                                      const SendOptions& options) const {
    return ref("send_bytes()")
        ->send(service::MessageKind::binary, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
               get_encoding(options));
}

detail::SendOperation WebSocketConnection::send_json(const Json& value, JsonMode mode,
                                                     const SendOptions& options) const {
    detail::ConnectionState& state = *ref("send_json()");
    const std::string text = write_json(value);
    return state.send(mode == JsonMode::text ? service::MessageKind::text : service::MessageKind::binary,
                      base::as_bytes(text), get_encoding(options));
}

const std::string& WebSocketConnection::path() const {
    return ref("path()")->view().path;
}
const Params& WebSocketConnection::path_params() const {
    return ref("path_params()")->view().path_params;
}
const Params& WebSocketConnection::query_params() const {
    return ref("query_params()")->view().query_params;
}
const Headers& WebSocketConnection::headers() const {
    return ref("headers()")->view().headers;
}
const Params& WebSocketConnection::cookies() const {
    return ref("cookies()")->view().cookies;
}
const Client& WebSocketConnection::client() const {
    return ref("client()")->view().client;
}
std::string_view WebSocketConnection::client_certificate() const {
    return ref("client_certificate()")->view().client_certificate_text();
}
const std::string& WebSocketConnection::url() const {
    return ref("url()")->view().url;
}
const std::vector<std::string>& WebSocketConnection::subprotocols() const {
    return ref("subprotocols()")->view().subprotocols;
}

std::unordered_map<std::string, std::any>& WebSocketConnection::state() const {
    return ref("state()")->state("state()");
}
std::unordered_map<std::string, std::any>& WebSocketConnection::user_data() const {
    return ref("user_data()")->state("user_data()");
}

bool WebSocketConnection::accepted() const {
    return ref("accepted()")->is_accepted();
}

bool WebSocketConnection::closed() const {
    const detail::ConnectionState& state = *ref("closed()");
    return state.is_on_own_thread() ? state.websocket().is_closed() : state.has_ended();
}

std::optional<std::uint16_t> WebSocketConnection::close_code() const {
    const detail::ConnectionState& state = *ref("close_code()");
    // A connection that has ended does not change any more, so any thread may read it.
    if (state.has_ended()) return state.websocket().close_code();
    return state.websocket("close_code()").close_code();
}

const std::string& WebSocketConnection::close_reason() const {
    const detail::ConnectionState& state = *ref("close_reason()");
    if (state.has_ended()) return state.websocket().close_reason();
    return state.websocket("close_reason()").close_reason();
}

const std::string& WebSocketConnection::subprotocol() const {
    const detail::ConnectionState& state = *ref("subprotocol()");
    if (state.has_ended()) return state.websocket().subprotocol();
    return state.websocket("subprotocol()").subprotocol();
}

std::size_t WebSocketConnection::buffered_amount() const {
    return ref("buffered_amount()")->buffered_amount();
}

}  // namespace proapi
