#include "service/exchange.hpp"

#include "http/response.hpp"

namespace proapi::service {

Exchange::Exchange(RequestInfo request, std::string body, ExchangeTransport& transport, std::uint64_t high_water,
                   std::uint64_t low_water)
    : request_(std::move(request)),
      body_(std::move(body)),
      transport_(&transport),
      high_water_(high_water),
      low_water_(low_water) {}

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

Problem Exchange::respond_with_file(int status, const http::Headers& headers, FileBody file) {
    if (!started_ && transport_ && !transport_->take_file())
        return respond(503, {{"Content-Type", "text/plain; charset=utf-8"}, {"Retry-After", "1"}},
                       "The file can't be opened now.\n");
    if (Problem problem = start(status, headers, file.length)) return problem;
    if (transport_) transport_->write_file(std::move(file));  // it finishes the response itself
    finished_ = true;
    return {};
}

Problem Exchange::start(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length) {
    if (Problem problem = check_start(status, headers)) return problem;
    started_ = true;
    has_body_ = request_.head.method != "HEAD" && http::status_has_body(status);
    remaining_ = content_length;
    if (transport_) transport_->write_head(status, headers, content_length);
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
        transport_->write_body(bytes);
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
    if (!started_) {
        static_cast<void>(respond(500, {{"Content-Type", "text/plain; charset=utf-8"}}, "Internal Server Error\n"));
        return;
    }
    finished_ = true;
    if (transport_) transport_->abort_response();
}

void Exchange::end_with_client() {
    ends_with_client_ = true;
    if (transport_) transport_->watch_client();
}

bool Exchange::is_above_low_water() const noexcept {
    return transport_ && transport_->buffered_amount() > low_water_;
}

void Exchange::on_drained() {
    if (!drain_waiters_.empty() && !is_above_low_water()) drain_waiters_.wake();
}

void Exchange::on_end() {
    const base::IntrusivePtr<Exchange> self(this);  // a woken handler may drop the last handle
    transport_ = nullptr;
    drain_waiters_.wake();
    end_waiters_.wake();
}

}  // namespace proapi::service
