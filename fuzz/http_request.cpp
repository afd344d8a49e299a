// Feeds a stream of requests, heads and bodies, to RequestParser and BodyDecoder.
// Oracle: fed as a whole, cut at some places, and octet by octet, the result is the same: heads, bodies, failure. A
// head that is serialized again is parsed as the same head; a body in chunks of another size as the same body. Limits
// hold. Earlier requests do not affect a later one.
#include "http/body_decoder.hpp"
#include "http/body_encoder.hpp"
#include "http/request_parser.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

struct RequestLimits {
    http::HeadLimits head;
    http::BodyLimits body;
};

RequestLimits take_request_limits(Input& input) {
    const std::uint8_t choice = input.take_octet();
    RequestLimits limits;
    if ((choice & 1) != 0) limits.head.max_request_line_bytes = 20;
    if ((choice & 2) != 0) limits.head.max_head_bytes = 60;
    if ((choice & 4) != 0) limits.head.max_fields = 2;
    if ((choice & 8) != 0) limits.body.max_body_bytes = 10;
    if ((choice & 16) != 0) limits.body.max_chunk_line_bytes = 8;
    if ((choice & 32) != 0) limits.body.max_trailer_bytes = 12;
    if ((choice & 64) != 0) limits.body.max_trailer_fields = 1;
    return limits;
}

std::string written(const http::RequestHead& head) {
    std::string text = head.method + " " + head.target + " HTTP/1." + std::to_string(head.minor_version) + "\r\n";
    for (const http::Header field : head.headers)
        text.append(field.name).append(": ").append(field.value).append("\r\n");
    return text + "\r\n";
}

// All results of parsing a head, as text.
std::string described(const http::RequestHead& head) {
    return written(head) + std::string(head.raw_path()) + " ? " + std::string(head.query()) + " @ " +
           std::string(head.host()) + " framing " + std::to_string(static_cast<int>(head.framing)) + " length " +
           std::to_string(head.content_length) + (head.keep_alive ? " keep-alive" : " close") +
           (head.expects_continue ? " expects\n" : "\n");
}

void check_head(const http::RequestHead& head, const RequestLimits& limits) {
    const std::string text = written(head);
    check(http::is_token(head.method), "a method is a token", head.method);
    std::size_t fields = 0;
    for (const http::Header field : head.headers) {
        ++fields;
        check(http::is_token(field.name), "a field name is a token", field.name);
        check(field.value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos,
              "a field value has no CR, LF or NUL", field.value);
    }
    check(fields <= limits.head.max_fields, "max_fields holds", text);
    check(head.framing == http::BodyFraming::content_length || head.content_length == 0,
          "only framing by content_length has a content length", text);

    http::RequestParser again({text.size(), text.size(), fields});
    check(again.feed(base::as_bytes(text)) == text.size() && again.state() == http::ParseState::complete,
          "a head that is written again is read again", text);
    check_equal(described(again.take_head()), described(head), "a head that is written again is the same head");
}

void check_body(const http::RequestHead& head, const std::string& body, const RequestLimits& limits) {
    check(body.size() <= limits.body.max_body_bytes, "max_body_bytes holds", body);
    check(head.framing == http::BodyFraming::chunked || body.size() == head.content_length,
          "a body is as long as its Content-Length says", body);
    http::RequestHead chunked;
    chunked.framing = http::BodyFraming::chunked;
    std::string text;
    for (std::string_view rest = body; !rest.empty();) {
        const std::string_view chunk = rest.substr(0, 7);
        text.append(http::chunk_prefix(chunk.size())).append(chunk).append(http::chunk_suffix);
        rest.remove_prefix(chunk.size());
    }
    text.append(http::last_chunk);
    http::BodyDecoder again(chunked, {});
    check(again.feed(base::as_bytes(text)) == text.size() && again.state() == http::ParseState::complete,
          "a body that is written in chunks is read again", text);
    check_equal(again.take_body(), body, "a body that is written in chunks is the same body");
}

// The reading side of a connection: head, body, head, body, until one is refused.
class RequestReader {
public:
    explicit RequestReader(const RequestLimits& limits) : limits_(limits), parser_(limits.head) {}

    void feed(std::string_view text) {
        Block block(text);
        base::Bytes bytes = block.bytes();
        while (!failed_ && !bytes.empty()) {
            const std::size_t taken = decoder_ ? decoder_->feed(bytes) : parser_.feed(bytes);
            bytes = bytes.subspan(taken);
            taken_ += taken;
            decoder_ ? look_at_body() : look_at_head();
        }
    }

    // What was read so far, or since the last complete request.
    [[nodiscard]] std::string transcript() const { return transcript_from(0, 0); }
    [[nodiscard]] std::string last_transcript() const { return transcript_from(whole_transcript_size_, whole_octets_); }
    // Octets of the complete requests.
    [[nodiscard]] std::size_t whole_octets() const noexcept { return whole_octets_; }

private:
    [[nodiscard]] std::string transcript_from(std::size_t begin, std::size_t octets_before) const {
        const std::string text = transcript_.substr(begin);
        // After a refusal the connection ends, so it does not matter how many octets were taken.
        if (failed_) return text;
        const std::size_t held = decoder_ ? decoder_->buffered_bytes() : parser_.buffered_bytes();
        return text + "taken " + std::to_string(taken_ - octets_before) + " held " + std::to_string(held) +
               (decoder_              ? " in a body"
                : parser_.has_begun() ? " in a head"
                                      : " between requests");
    }
    void look_at_head() {
        check(parser_.buffered_bytes() <= limits_.head.max_head_bytes + 1, "max_head_bytes holds");
        if (parser_.state() == http::ParseState::failed) return fail(parser_.error());
        if (parser_.state() != http::ParseState::complete) return;
        head_ = parser_.take_head();
        transcript_ += described(head_);
        check_head(head_, limits_);
        decoder_ = std::make_unique<http::BodyDecoder>(head_, limits_.body);
        look_at_body();
    }
    void look_at_body() {
        if (decoder_->state() == http::ParseState::failed) return fail(decoder_->error());
        if (decoder_->state() != http::ParseState::complete) return;
        const std::string body = decoder_->take_body();
        transcript_ += "body " + body + "\n";
        check_body(head_, body, limits_);
        decoder_.reset();
        whole_octets_ = taken_;
        whole_transcript_size_ = transcript_.size();
    }
    void fail(http::ErrorCode error) {
        const auto [status, text] = http::describe(error);
        failed_ = true;
        transcript_ += "failed " + std::to_string(status) + " " + std::string(text) + "\n";
        check(error != http::ErrorCode::none && status >= 400 && status < 600, "a refusal has a status and a text");
        const base::Bytes more = base::as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        check((decoder_ ? decoder_->feed(more) : parser_.feed(more)) == 0, "after a refusal nothing is taken");
    }

    RequestLimits limits_;
    http::RequestParser parser_;
    std::unique_ptr<http::BodyDecoder> decoder_;
    http::RequestHead head_;
    std::string transcript_;
    std::size_t taken_ = 0, whole_octets_ = 0, whole_transcript_size_ = 0;
    bool failed_ = false;
};

RequestReader read_requests(const RequestLimits& limits, const std::vector<std::string_view>& pieces) {
    RequestReader reader(limits);
    for (const std::string_view piece : pieces) reader.feed(piece);
    return reader;
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_request) {
    using namespace proapi::fuzz;
    const RequestLimits limits = take_request_limits(input);
    const auto cuts = input.take_cuts();
    const std::string_view text = input.rest();
    const RequestReader reader = read_requests(limits, {text});
    const std::string whole = reader.transcript();
    check_equal(read_requests(limits, cut(text, cuts)).transcript(), whole, "cut, requests are read as if whole");
    check_equal(read_requests(limits, cut_everywhere(text)).transcript(), whole,
                "octet by octet, requests are read as if whole");
    check_equal(read_requests(limits, {text.substr(reader.whole_octets())}).transcript(), reader.last_transcript(),
                "a request is read as if no other had come before it");
}
