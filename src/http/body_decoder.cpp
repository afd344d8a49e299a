// Request bodies (RFC 9112 sections 6.3 and 7.1). Chunk lines must follow the grammar exactly: a sign, a prefix, a
// stray space or a lone LF is refused. Memory grows with the octets received, never with an announced length.
#include "http/body_decoder.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "http/headers.hpp"
#include "http/line.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

constexpr std::size_t max_size_digits = 16;             // 64 bits
constexpr std::uint64_t free_extension_bytes = 16'384;  // allowed without any data
constexpr std::uint64_t extension_bytes_per_octet = 2;  // allowed in addition for each octet of data

bool take_token(std::string_view& text) noexcept {
    std::size_t length = 0;
    while (length < text.size() && is_token(text.substr(length, 1))) ++length;
    text.remove_prefix(length);
    return length > 0;
}

// RFC 9110 section 5.6.4. Fails at control characters.
bool take_quoted_string(std::string_view& text) noexcept {
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '"') {
            text.remove_prefix(at + 1);
            return true;
        }
        if (text[at] == '\\') ++at;
        if (at == text.size()) return false;
        const auto octet = static_cast<unsigned char>(text[at]);
        if ((octet < 0x20 && octet != '\t') || octet == 0x7f) return false;
    }
    return false;
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), RFC 9112 section 7.1.1.
bool is_chunk_extension(std::string_view text) noexcept {
    while (!text.empty()) {
        skip_space(text);
        if (text.empty() || text.front() != ';') return false;
        text.remove_prefix(1);
        skip_space(text);
        if (!take_token(text)) return false;
        std::string_view after = text;
        skip_space(after);
        if (after.empty() || after.front() != '=') continue;
        text = after.substr(1);
        skip_space(text);
        const bool quoted = !text.empty() && text.front() == '"';
        if (!(quoted ? take_quoted_string(text) : take_token(text))) return false;
    }
    return true;
}

}  // namespace

BodyDecoder::BodyDecoder(const RequestHead& head, const BodyLimits& limits) : limits_(limits) {
    // Keeps the sums below from overflowing; no line is ever that long.
    constexpr std::size_t longest = std::numeric_limits<std::size_t>::max() / 2;
    limits_.max_chunk_line_bytes = std::min(limits_.max_chunk_line_bytes, longest);
    limits_.max_trailer_bytes = std::min(limits_.max_trailer_bytes, longest);
    switch (head.framing) {
        case BodyFraming::none:
            state_ = ParseState::complete;
            break;
        case BodyFraming::content_length:
            remaining_ = head.content_length;
            if (remaining_ > limits_.max_body_bytes) {
                fail(ErrorCode::body_too_long);
            } else if (remaining_ == 0) {
                state_ = ParseState::complete;
            }
            break;
        case BodyFraming::chunked:
            phase_ = Phase::chunk_line;
            break;
    }
}

std::size_t BodyDecoder::feed(base::Bytes bytes) {
    std::string_view input = base::as_text(bytes);
    while (state_ == ParseState::need_data && !input.empty()) {
        switch (phase_) {
            case Phase::length:
            case Phase::chunk_data:
                take_data(input);
                break;
            case Phase::chunk_end:
                take_chunk_end(input);
                break;
            case Phase::chunk_line:
                take_chunk_line(input);
                break;
            case Phase::trailer:
                take_trailer_line(input);
                break;
        }
    }
    return bytes.size() - input.size();
}

void BodyDecoder::fail(ErrorCode error) {
    error_ = error;
    state_ = ParseState::failed;
}

// The capacity grows by half of the size, so that copying stays linear. A body of announced length never reserves more
// than that length.
void BodyDecoder::make_room_for(std::size_t count) {
    const std::size_t size = body_.size() + count;
    if (size <= body_.capacity()) return;
    std::size_t roomy = size + size / 2;
    if (phase_ == Phase::length)
        roomy = static_cast<std::size_t>(std::min<std::uint64_t>(roomy, body_.size() + remaining_));
    std::string moved;  // std::string::reserve() would double the capacity
    moved.reserve(roomy);
    moved.append(body_);
    body_ = std::move(moved);
}

void BodyDecoder::take_data(std::string_view& input) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    make_room_for(count);
    body_.append(input.substr(0, count));
    input.remove_prefix(count);
    data_bytes_ += count;
    remaining_ -= count;
    if (remaining_ > 0) return;
    if (phase_ == Phase::length) {
        state_ = ParseState::complete;
    } else {
        phase_ = Phase::chunk_end;
    }
}

// Expects CRLF and nothing else; line_ holds a CR that has arrived.
void BodyDecoder::take_chunk_end(std::string_view& input) {
    const char expected = line_.empty() ? '\r' : '\n';
    const char came = input.front();
    input.remove_prefix(1);
    if (came != expected) return fail(ErrorCode::no_chunk_end);
    if (came == '\r') {
        line_ = "\r";
    } else {
        line_.clear();
        phase_ = Phase::chunk_line;
    }
}

void BodyDecoder::take_chunk_line(std::string_view& input) {
    // The limit, CR and LF, or one octet too many: nothing beyond that is examined.
    const std::string_view window = input.substr(0, limits_.max_chunk_line_bytes + 2 - line_.size());
    const std::size_t line_feed = window.find('\n');
    const std::string_view piece = window.substr(0, line_feed);
    line_.append(piece);
    input.remove_prefix(piece.size());
    if (exceeds(line_, limits_.max_chunk_line_bytes)) {
        return fail(ErrorCode::chunk_line_too_long);
    }
    if (line_feed == std::string_view::npos) return;
    input.remove_prefix(1);
    std::string_view line = line_;
    if (const ErrorCode error = strip_line_end(line); error != ErrorCode::none) return fail(error);
    begin_chunk(line);
    line_.clear();
}

void BodyDecoder::begin_chunk(std::string_view line) {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; digits < line.size() && hex_value(line[digits]) >= 0; ++digits) {
        if (digits == max_size_digits) return fail(ErrorCode::chunk_size_too_long);
        size = size << 4 | static_cast<std::uint64_t>(hex_value(line[digits]));
    }
    if (digits == 0) return fail(ErrorCode::bad_chunk_size);
    const std::string_view extension = line.substr(digits);
    if (!is_chunk_extension(extension)) {
        return fail(ErrorCode::bad_chunk_extension);
    }
    if (size > limits_.max_body_bytes - data_bytes_) {
        return fail(ErrorCode::body_too_long);
    }
    // Extensions carry nothing for the application, so their total length is bounded.
    extension_bytes_ += extension.size();
    if (extension_bytes_ > free_extension_bytes + extension_bytes_per_octet * data_bytes_) {
        return fail(ErrorCode::chunk_extensions_too_long);
    }
    remaining_ = size;
    phase_ = size > 0 ? Phase::chunk_data : Phase::trailer;
}

void BodyDecoder::take_trailer_line(std::string_view& input) {
    // The CRLF that ends the section does not count against the limit.
    const std::size_t budget = limits_.max_trailer_bytes + 2;
    const std::string_view window = input.substr(0, budget - trailer_bytes_ + 1);
    const std::size_t line_feed = window.find('\n');
    const bool line_ends = line_feed != std::string_view::npos;
    const std::string_view piece = window.substr(0, line_feed);
    const std::size_t taken = piece.size() + (line_ends ? 1 : 0);
    line_.append(piece);
    input.remove_prefix(taken);
    trailer_bytes_ += taken;
    if (trailer_bytes_ > budget) return fail(ErrorCode::trailer_too_long);
    if (!line_ends) return;

    std::string_view line = line_;
    if (const ErrorCode error = strip_line_end(line); error != ErrorCode::none) return fail(error);
    if (line.empty()) {
        state_ = ParseState::complete;
    } else if (++trailer_fields_ > limits_.max_trailer_fields) {
        fail(ErrorCode::too_many_trailer_fields);
    } else if (const auto field = parse_field_line(line); !field) {
        fail(field.error());
    }
    // RFC 9110 section 6.5.1: a trailer field is dropped unless its definition allows merging. No such field is known
    // here.
    line_.clear();
}

}  // namespace proapi::http
