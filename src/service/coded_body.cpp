#include "service/coded_body.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace proapi::service {

namespace {

// What one call may produce.
constexpr std::uint64_t max_produced_bytes = 256 * 1024;
// What one call may take: headers of blocks and tables of codes cost time, but produce nothing. The worst are those of
// br, with a microsecond for each octet.
constexpr std::size_t max_taken_bytes = 4 * 1024;

}  // namespace

void CodedBody::add(std::string part) {
    assert(!has_more_ && "the part before it is decoded");
    part_ = std::move(part);
    taken_bytes_ = 0;
    if (part_.empty()) return;
    has_more_ = true;
    may_end_ = false;
}

http::ErrorCode CodedBody::decode(std::string& out, std::uint64_t max_bytes) {
    using State = http::ContentDecoder::State;
    if (has_more_) {
        const std::uint64_t allowed = max_bytes - decoded_bytes_;
        const std::size_t before = out.size();
        const std::size_t left = part_.size() - taken_bytes_, given = std::min(left, max_taken_bytes);
        base::Bytes input = base::as_bytes(part_).subspan(taken_bytes_, given);
        // One octet too many shows that the body is too long.
        const std::uint64_t room = allowed < max_produced_bytes ? allowed + 1 : max_produced_bytes;
        const State state = decoder_->decode(input, room, out);
        if (state == State::failed) return http::ErrorCode::bad_coded_content;
        if (out.size() - before > allowed) return http::ErrorCode::body_too_long;
        decoded_bytes_ += out.size() - before;
        taken_bytes_ += given - input.size();
        has_more_ = state == State::full || taken_bytes_ < part_.size();
        may_end_ = state == State::may_end;
        if (!has_more_) part_ = {};
    }
    return has_ended_ && !has_more_ && !may_end_ ? http::ErrorCode::short_coded_content : http::ErrorCode::none;
}

}  // namespace proapi::service
