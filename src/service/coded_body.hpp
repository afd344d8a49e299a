// The body of a request that arrives in a coding (RFC 9110 section 8.4), and is decoded a bounded part at a time: a few
// octets may stand for a thousand times as many.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/content_decoder.hpp"

namespace proapi::service {

class CodedBody {
public:
    // `coding` is not identity, and built.
    explicit CodedBody(http::ContentCoding coding) : decoder_(http::make_decoder(coding)) {}

    // Call it when has_more() is false, so that no more than one part waits.
    void add(std::string part);
    // No part follows.
    void end() noexcept { has_ended_ = true; }
    // Decodes on, and appends to `out`. Returns why the body is refused, or none: if it is not what the coding says, if
    // it ends too early, or if it has more than `max_bytes` octets in all.
    [[nodiscard]] http::ErrorCode decode(std::string& out, std::uint64_t max_bytes);
    // Whether decode() can go on without another part.
    [[nodiscard]] bool has_more() const noexcept { return has_more_; }
    [[nodiscard]] bool is_whole() const noexcept { return has_ended_ && !has_more_; }

private:
    std::unique_ptr<http::ContentDecoder> decoder_;
    std::string part_;
    std::size_t taken_bytes_ = 0;  // of the part
    std::uint64_t decoded_bytes_ = 0;
    bool has_more_ = false, has_ended_ = false;
    bool may_end_ = true;  // a body without any octet is one without a content
};

}  // namespace proapi::service
