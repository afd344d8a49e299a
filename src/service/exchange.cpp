#include "service/exchange.hpp"

#include "http/response.hpp"
#include "service/websocket.hpp"

namespace proapi::service {

namespace {

constexpr std::string_view text_type = "text/plain; charset=utf-8";

}  // namespace

Exchange::Exchange(RequestInfo request, Body body, ExchangeTransport& transport, std::uint64_t high_water,
                   std::uint64_t low_water)
    : request_(std::move(request)),
      transport_(&transport),
      high_water_(high_water),
      low_water_(low_water),
      body_state_(body == Body::none ? BodyState::whole : BodyState::waiting) {}

// ---- the request's body -----------------------------------------------------------------------------------------

void Exchange::start_body(std::uint64_t max_bytes) {
    body_state_ = BodyState::coming;
    if (transport_) transport_->start_body(max_bytes);
}

void Exchange::collect_body(BodyListener& listener, std::uint64_t max_bytes) {
    body_listener_ = &listener;
    start_body(max_bytes);
}

Problem Exchange::read_body(std::optional<std::string>& part, std::uint64_t max_bytes) {
    if (body_state_ == BodyState::waiting) start_body(max_bytes);
    if (!body_.empty()) {
        part = take_body();
        if (std::exchange(is_body_paused_, false) && transport_) transport_->resume_body();
        return {};
    }
    if (body_state_ == BodyState::failed) return value_problem(body_failure_.reason);
    if (body_state_ != BodyState::whole && !transport_)
        return {Problem::Kind::disconnect, "the client has gone before its request's body was whole"};
    return {};
}

bool Exchange::wants_body() const noexcept {
    return body_state_ == BodyState::coming && (body_listener_ || !is_body_paused_);
}

void Exchange::on_body(std::string part) {
    if (part.empty()) return;
    if (body_.empty()) {
        body_ = std::move(part);
    } else {
        body_ += part;
    }
    is_body_paused_ = body_.size() > high_water_;
    body_waiters_.wake();
}

void Exchange::on_body_end(std::string last) {
    const base::IntrusivePtr<Exchange> self(this);
    body_state_ = BodyState::whole;
    if (BodyListener* listener = std::exchange(body_listener_, nullptr)) {
        body_ = std::move(last);
        return listener->on_body_collected(*this);
    }
    body_ += last;
    body_waiters_.wake();
}

void Exchange::on_body_failed(http::Failure failure) {
    const base::IntrusivePtr<Exchange> self(this);
    body_state_ = BodyState::failed;
    body_failure_ = std::move(failure);
    end_connection();
    if (std::exchange(body_listener_, nullptr)) return refuse(body_failure_.status, body_failure_.reason);
    body_waiters_.wake();
}

// ---- the response -----------------------------------------------------------------------------------------------

Problem Exchange::check_start(int status, const http::Headers& headers) const {
    if (started_) return state_problem("the response has been started already");
    if (std::string wrong = http::check_response(status, headers); !wrong.empty())
        return value_problem(std::move(wrong));
    return {};
}

Problem Exchange::respond(int status, const http::Headers& headers, std::string_view body) {
    if (Problem problem = start(status, headers, body.size())) return problem;
    SendResult ignored{};
    if (Problem problem = write(base::as_bytes(body), ignored)) return problem;
    return finish();
}

void Exchange::refuse(Refusal refusal, http::Headers headers) {
    const auto [status, text] = describe(refusal);
    refuse(status, text, std::move(headers));
}

void Exchange::refuse(int status, std::string_view text, http::Headers headers) {
    if (started_) return;
    headers.add("Content-Type", text_type);
    static_cast<void>(respond(status, headers, std::string(text) + "\n"));
}

Problem Exchange::respond_with_file(int status, const http::Headers& headers, FileBody file) {
    if (Problem problem = check_start(status, headers)) return problem;
    if (transport_ && !transport_->take_file()) {
        refuse(Refusal::file_unavailable, {{"Retry-After", "1"}});
        return {};
    }
    if (Problem problem = start(status, headers, file.length)) return problem;
    finished_ = true;
    if (!transport_) return {};
    if (has_body_ && file.length > 0) {
        if (observation_) observation_->count_sent(file.length);
        transport_->write_file(std::move(file));
    } else {
        transport_->finish_response();
    }
    return {};
}

Problem Exchange::start(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length) {
    if (Problem problem = check_start(status, headers)) return problem;
    started_ = true;
    has_body_ = request_.head.method != "HEAD" && http::status_has_body(status);
    remaining_ = content_length;
    if (observation_) observation_->set_status(status);
    if (!transport_) return {};
    if (middleware_) {
        transport_->write_head({status, pass_out(*middleware_, request_, status, headers), content_length, has_body_});
    } else {
        transport_->write_head({status, headers, content_length, has_body_});
    }
    return {};
}

Problem Exchange::write(base::Bytes bytes, SendResult& result) {
    if (!started_ || finished_)
        return state_problem("a part of the body goes between the response's start and its end");
    if (remaining_ && bytes.size() > *remaining_)
        return value_problem("the body is longer than the Content-Length: " + std::to_string(*remaining_) +
                             " octets were left, got " + std::to_string(bytes.size()));
    result = SendResult::ended;
    if (transport_ && has_body_) {
        if (!bytes.empty()) transport_->write_body(bytes);
        if (observation_) observation_->count_sent(bytes.size());
        result = transport_->buffered_amount() > high_water_ ? SendResult::full : SendResult::sent;
    }
    if (remaining_) *remaining_ -= bytes.size();
    return {};
}

Problem Exchange::finish() {
    if (!started_ || finished_) return state_problem("the response is not open");
    const bool is_head = request_.head.method == "HEAD";
    if (remaining_.value_or(0) != 0 && !is_head)
        return value_problem("the body is shorter than the Content-Length by " + std::to_string(*remaining_) +
                             " octets");
    if (transport_) transport_->finish_response();
    finished_ = true;
    return {};
}

void Exchange::fail() {
    if (finished_) return;
    if (!started_) return refuse(Refusal::internal_error);
    finished_ = true;
    if (transport_) transport_->abort_response();
}

void Exchange::end_connection() {
    if (transport_) transport_->end_after_response();
}

void Exchange::end_with_client() {
    ends_with_client_ = true;
    if (transport_) transport_->watch_client();
}

bool Exchange::is_above_low_water() const noexcept {
    return transport_ && transport_->buffered_amount() > low_water_;
}

base::IntrusivePtr<WebSocket> Exchange::upgrade(const WebSocketSettings& settings) {
    if (!transport_) return nullptr;
    auto websocket = transport_->upgrade(*this, settings);
    if (!websocket) return nullptr;
    transport_ = nullptr;
    if (middleware_) websocket->set_middleware(*middleware_);
    if (observation_) websocket->set_observation(std::move(observation_));
    return websocket;
}

// ---- the carrier's side -----------------------------------------------------------------------------------------

void Exchange::on_drained() {
    if (!drain_waiters_.empty() && !is_above_low_water()) drain_waiters_.wake();
}

void Exchange::on_end() {
    const base::IntrusivePtr<Exchange> self(this);  // a woken handler may drop the last handle
    transport_ = nullptr;
    body_listener_ = nullptr;
    if (const auto observation = std::move(observation_)) observation->report_request(request_);
    body_waiters_.wake();
    drain_waiters_.wake();
    end_waiters_.wake();
}

}  // namespace proapi::service
