// Which responses are compressed, and what their header fields then say (RFC 9110 sections 8.4, 8.8.1, 12.5.3 and
// 12.5.5).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/compression_memory.hpp"
#include "http/content_encoder.hpp"
#include "service/request_info.hpp"

namespace proapi::service {

// Returns the coding in which the response with these fields should be sent. `size` is that of its body, if it is
// known. identity for a response without a body, a part of a file, a body of less than `threshold_bytes`, a type that
// does not become smaller, and one that has a Content-Encoding or the Cache-Control no-transform already. Adds Vary if
// another client may get another coding. Content-Encoding: identity, by which a handler says that its response must
// not be compressed, is removed.
[[nodiscard]] http::ContentCoding choose_response_coding(const RequestInfo& request, int status, http::Headers& headers,
                                                         std::optional<std::uint64_t> size,
                                                         std::uint64_t threshold_bytes);

// Makes the fields those of the coded response: Content-Encoding; a weak ETag, because its octets are others; no
// Accept-Ranges, because ranges are of the file.
void mark_as_coded(http::Headers& headers, http::ContentCoding coding);

// Returns an encoder for a content that comes in parts, which may take hours. Its memory is a part of `memory`, until
// it is destroyed; null if too little is left.
[[nodiscard]] std::unique_ptr<http::ContentEncoder> make_bounded_encoder(http::ContentCoding coding,
                                                                         base::CompressionMemory& memory);

}  // namespace proapi::service
