#include "service/exchange.hpp"

#include "http/response.hpp"
#include "service/response_coding.hpp"
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

void Exchange::set_body_coding(http::ContentCoding coding) {
    coded_body_ = std::make_unique<CodedBody>(coding);
    for (const char* name : {"Content-Encoding", "Content-Length"}) request_.head.headers.remove(name);
}

void Exchange::start_body() {
    body_state_ = BodyState::coming;
    if (transport_) transport_->start_body(max_body_bytes_);
}

bool Exchange::is_body_decided(std::uint64_t max_bytes) const noexcept {
    const http::RequestHead& head = request_.head;
    if (head.framing != http::BodyFraming::content_length || !transport_) return false;
    return head.content_length > max_bytes || transport_->has_body_arrived();
}

void Exchange::collect_body(BodyListener& listener, std::uint64_t max_bytes) {
    body_listener_ = &listener;
    max_body_bytes_ = max_bytes;
    start_body();
}

bool Exchange::must_wait_for_body() {
    if (body_state_ == BodyState::waiting) start_body();
    return body_state_ == BodyState::coming && body_.empty() && transport_;
}

Result<std::optional<std::string>> Exchange::read_body() {
    if (body_state_ == BodyState::waiting) start_body();
    if (!body_.empty()) {
        std::optional part = take_body();
        if (std::exchange(is_body_paused_, false) && transport_) transport_->resume_body();
        return part;
    }
    if (body_state_ == BodyState::failed) return make_error(ErrorCode::body_failed, {body_refusal_->text});
    if (body_state_ != BodyState::whole && !transport_) return make_error(ErrorCode::client_has_gone);
    return std::optional<std::string>();
}

bool Exchange::wants_body() const noexcept {
    const bool has_undecoded = coded_body_ && coded_body_->has_more();
    return body_state_ == BodyState::coming && !has_undecoded && (body_listener_ || !is_body_paused_);
}

bool Exchange::wants_to_decode() const noexcept {
    return body_state_ == BodyState::coming && coded_body_ && coded_body_->has_more() &&
           (body_listener_ || !is_body_paused_);
}

void Exchange::decode_body() {
    const base::IntrusivePtr<Exchange> self(this);
    const auto error = coded_body_->decode(body_, max_body_bytes_);
    if (error != http::ErrorCode::none) {
        coded_body_.reset();
        return on_body_failed(http::describe(error));
    }
    if (coded_body_->is_whole()) return take_whole_body();
    is_body_paused_ = body_.size() > high_water_;
    if (!body_.empty()) body_waiters_.wake();
}

void Exchange::take_whole_body() {
    coded_body_.reset();
    body_state_ = BodyState::whole;
    if (BodyListener* listener = std::exchange(body_listener_, nullptr)) return listener->on_body_collected(*this);
    body_waiters_.wake();
}

void Exchange::on_body(std::string part) {
    if (part.empty()) return;
    if (coded_body_) {
        coded_body_->add(std::move(part));
        return decode_body();
    }
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
    if (coded_body_) {
        coded_body_->add(std::move(last));
        coded_body_->end();
        return decode_body();
    }
    if (body_.empty()) {
        body_ = std::move(last);
    } else {
        body_ += last;
    }
    take_whole_body();
}

void Exchange::on_body_failed(RefusalText refusal) {
    const base::IntrusivePtr<Exchange> self(this);
    body_state_ = BodyState::failed;
    body_refusal_ = refusal;
    end_connection();
    if (std::exchange(body_listener_, nullptr)) return refuse(refusal.status, refusal.text);
    body_waiters_.wake();
}

// ---- the response -----------------------------------------------------------------------------------------------

Result<void> Exchange::check_start(int status, const http::Headers& headers) const {
    if (started_) return make_error(ErrorCode::response_already_started);
    if (const auto checked = http::check_response(status, headers); !checked)
        return make_error(ErrorCode::bad_response, {checked.error().text});
    return {};
}

Result<void> Exchange::respond(int status, const http::Headers& headers, std::string_view body) {
    if (compression_threshold_ && transport_) {
        if (auto checked = check_start(status, headers); !checked) return checked;
        respond_compressed(status, headers, body);
        return {};
    }
    if (auto started = start(status, headers, body.size()); !started) return started;
    if (auto written = write(base::as_bytes(body)); !written) return std::move(written).error();
    return finish();
}

void Exchange::respond_compressed(int status, const http::Headers& headers, std::string_view body) {
    http::Headers fields = middleware_ ? pass_out(*middleware_, request_, status, headers) : headers;
    std::string coded;
    const auto coding = choose_response_coding(request_, status, fields, body.size(), *compression_threshold_);
    if (coding != http::ContentCoding::identity) {
        http::make_encoder(coding, body.size())->encode(base::as_bytes(body), http::ContentEncoder::Until::end, coded);
        if (coded.size() < body.size()) {
            mark_as_coded(fields, coding);
            body = coded;
        }
    }
    begin_response(status, body.size());
    transport_->write_head({status, fields, body.size(), has_body_});
    if (has_body_ && !body.empty()) send(base::as_bytes(body));
    transport_->finish_response();
    finished_ = true;
}

void Exchange::refuse(Refusal refusal, http::Headers headers) {
    const auto [status, text] = describe(refusal);
    refuse(status, text, std::move(headers));
}

void Exchange::refuse(int status, std::string_view text, http::Headers headers) {
    if (started_) return;
    RefusalListener* listener = std::exchange(refusal_listener_, nullptr);
    if (listener && listener->wants_refusal(status)) {
        refusal_ = std::make_unique<PendingRefusal>(status, std::string(text), std::move(headers));
        return listener->on_refusal(*this);
    }
    headers.add("Content-Type", text_type);
    static_cast<void>(respond(status, headers, std::string(text) + "\n"));
}

Result<void> Exchange::respond_with_file(int status, const http::Headers& headers, FileBody file) {
    if (auto checked = check_start(status, headers); !checked) return checked;
    if (transport_ && !transport_->take_file()) {
        refuse(Refusal::file_unavailable, {{"Retry-After", "1"}});
        return {};
    }
    if (auto started = start(status, headers, file.length); !started) return started;
    finished_ = true;
    if (!transport_) return {};
    if (has_body_ && file.length > 0) {
        if (encoder_) {
            file.encoded_by = this;
        } else if (observation_) {
            observation_->count_sent(file.length);
        }
        transport_->write_file(std::move(file));
    } else {
        transport_->finish_response();
    }
    return {};
}

Result<void> Exchange::start(int status, const http::Headers& headers, std::optional<std::uint64_t> content_length) {
    if (auto checked = check_start(status, headers); !checked) return checked;
    begin_response(status, content_length);
    if (!transport_) return {};
    if (middleware_ || compression_threshold_) {
        write_head_for_stream(status, headers, content_length);
    } else {
        transport_->write_head({status, headers, content_length, has_body_});
    }
    return {};
}

void Exchange::begin_response(int status, std::optional<std::uint64_t> content_length) {
    started_ = true;
    has_body_ = request_.head.method != "HEAD" && http::status_has_body(status);
    remaining_ = content_length;
    if (observation_) observation_->set_status(status);
}

// The length of what is compressed part by part is not known yet.
void Exchange::write_head_for_stream(int status, const http::Headers& headers,
                                     std::optional<std::uint64_t> content_length) {
    http::Headers fields = middleware_ ? pass_out(*middleware_, request_, status, headers) : headers;
    if (compression_threshold_) {
        const auto coding = choose_response_coding(request_, status, fields, content_length, *compression_threshold_);
        if (coding != http::ContentCoding::identity) {
            if (has_body_) encoder_ = make_bounded_encoder(coding, transport_->compression_memory());
            if (encoder_ || !has_body_) {
                mark_as_coded(fields, coding);
                content_length.reset();
            }
        }
    }
    transport_->write_head({status, fields, content_length, has_body_});
}

void Exchange::send(base::Bytes bytes) {
    transport_->write_body(bytes);
    if (observation_) observation_->count_sent(bytes.size());
}

std::string Exchange::encode(base::Bytes bytes, http::ContentEncoder::Until until) {
    std::string encoded;
    encoder_->encode(bytes, until, encoded);
    if (until == http::ContentEncoder::Until::end) encoder_.reset();
    return encoded;
}

// What the encoder has taken it can't take again: if it can't be sent, whatever followed would decode to something
// else.
void Exchange::send_encoded(base::Bytes bytes, http::ContentEncoder::Until until) {
    try {
        const std::string encoded = encode(bytes, until);
        if (!encoded.empty()) send(base::as_bytes(encoded));
    } catch (...) {
        fail();
        throw;
    }
}

std::string Exchange::encode_file(base::Bytes part, bool is_last) {
    if (!encoder_) return {};  // the client has left
    std::string encoded = encode(part, is_last ? http::ContentEncoder::Until::end : http::ContentEncoder::Until::later);
    if (observation_) observation_->count_sent(encoded.size());
    return encoded;
}

Result<SendOutcome> Exchange::write(base::Bytes bytes) {
    if (!started_ || finished_) return make_error(ErrorCode::body_out_of_place);
    if (remaining_ && bytes.size() > *remaining_)
        return make_error(ErrorCode::body_too_long, {std::to_string(*remaining_), std::to_string(bytes.size())});
    auto outcome = SendOutcome::ended;
    if (transport_ && has_body_) {
        if (!bytes.empty() && encoder_) {
            send_encoded(bytes, http::ContentEncoder::Until::flush);
        } else if (!bytes.empty()) {
            send(bytes);
        }
        outcome = transport_->buffered_amount() > high_water_ ? SendOutcome::full : SendOutcome::sent;
    }
    if (remaining_) *remaining_ -= bytes.size();
    return outcome;
}

Result<void> Exchange::finish() {
    if (!started_ || finished_) return make_error(ErrorCode::no_open_response);
    const bool is_head = request_.head.method == "HEAD";
    if (remaining_.value_or(0) != 0 && !is_head)
        return make_error(ErrorCode::body_too_short, {std::to_string(*remaining_)});
    if (transport_ && encoder_) send_encoded({}, http::ContentEncoder::Until::end);
    if (transport_) transport_->finish_response();
    finished_ = true;
    return {};
}

void Exchange::fail() {
    if (finished_) return;
    if (!started_) return refuse(Refusal::internal_error);
    finished_ = true;
    encoder_.reset();
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
    encoder_.reset();  // its memory is a part of the transport's, which handles may outlive
    if (const auto observation = std::move(observation_)) observation->report_request(request_);
    body_waiters_.wake();
    drain_waiters_.wake();
    end_waiters_.wake();
}

}  // namespace proapi::service
