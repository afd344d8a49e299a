#include "service/response_coding.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "http/parameters.hpp"
#include "http/response.hpp"

namespace proapi::service {

namespace {

// A large body is encoded in one go, while other clients wait: the fastest coding then.
constexpr std::uint64_t large_body_bytes = 256 * 1024;

// Types outside text/ that become smaller. Images, audio, video, fonts of the web and archives are compressed already.
constexpr auto compressible_types = std::to_array<std::string_view>({
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
});

[[nodiscard]] bool ends_with_ignoring_case(std::string_view text, std::string_view end) noexcept {
    return text.size() >= end.size() && http::equals_ignoring_case(text.substr(text.size() - end.size()), end);
}

[[nodiscard]] bool is_compressible(const http::Headers& headers) {
    constexpr std::string_view text = "text/";
    const auto field = headers.get("content-type");
    if (!field) return false;
    const std::string_view type = http::parse_parameters(*field).value;
    if (http::equals_ignoring_case(type.substr(0, text.size()), text)) return true;
    if (ends_with_ignoring_case(type, "+json") || ends_with_ignoring_case(type, "+xml")) return true;
    for (const std::string_view each : compressible_types)
        if (http::equals_ignoring_case(type, each)) return true;
    return false;
}

// Whether the handler has decided how the body is coded.
[[nodiscard]] bool is_coding_settled(http::Headers& headers) {
    const auto coding = headers.get("content-encoding");
    // A digest is one of the coded content (RFC 9530 section 2).
    const bool settled = coding || headers.has_token("cache-control", "no-transform") ||
                         headers.contains("content-range") || headers.contains("content-digest");
    if (coding && http::equals_ignoring_case(*coding, http::to_string(http::ContentCoding::identity)))
        headers.remove("Content-Encoding");  // RFC 9110 section 8.4.1: it should not be sent
    return settled;
}

// The ETag of a response of which this one is a coded form.
[[nodiscard]] std::string weakened(std::string_view etag) {
    constexpr std::string_view weak_mark = "W/";
    return etag.starts_with(weak_mark) ? std::string(etag) : std::string(weak_mark) + std::string(etag);
}

void weaken_etag(http::Headers& headers) {
    const auto etag = headers.get("etag");
    if (!etag) return;
    const std::string weak = weakened(*etag);
    headers.remove("ETag");
    headers.add("ETag", weak);
}

// Whether the client that asks for a change has got a coded response, whose ETag weaken_etag() has made.
[[nodiscard]] bool has_coded_response(const RequestInfo& request, const http::Headers& headers) {
    const auto etag = headers.get("etag");
    if (!etag) return false;
    const std::string weak = weakened(*etag);
    for (const std::string_view field : request.head.headers.getlist("if-none-match"))
        for (const std::string_view known : http::split_list(field))
            if (known == weak) return true;
    return false;
}

class BoundedEncoder final : public http::ContentEncoder {
public:
    BoundedEncoder(http::ContentCoding coding, base::MemoryReservation memory)
        : memory_(std::move(memory)), encoder_(http::make_encoder(coding, std::nullopt)) {}
    void encode(base::Bytes part, Until until, std::string& out) override { encoder_->encode(part, until, out); }

private:
    base::MemoryReservation memory_;
    std::unique_ptr<http::ContentEncoder> encoder_;
};

}  // namespace

http::ContentCoding choose_response_coding(const RequestInfo& request, int status, http::Headers& headers,
                                           std::optional<std::uint64_t> size, std::uint64_t threshold_bytes) {
    constexpr int partial_content = 206, not_modified = 304;
    const bool is_old = request.head.minor_version == 0;  // RFC 1945: its caches do not know Vary
    const auto accepted = [&](http::Prefer prefer) {
        return is_old ? http::ContentCoding::identity : http::choose_coding(request.head.headers, prefer);
    };
    if (status == not_modified) {
        if (has_coded_response(request, headers)) {  // RFC 9110 section 15.4.5: Vary and ETag as in the whole response
            http::add_vary(headers, "Accept-Encoding");
            weaken_etag(headers);
        }
        return http::ContentCoding::identity;
    }
    if (!http::status_has_body(status) || is_coding_settled(headers) || !is_compressible(headers))
        return http::ContentCoding::identity;
    http::add_vary(headers, "Accept-Encoding");
    if (status == partial_content || (size && *size < std::max<std::uint64_t>(threshold_bytes, 1)))
        return http::ContentCoding::identity;
    return accepted(size && *size > large_body_bytes ? http::Prefer::fast : http::Prefer::small);
}

void mark_as_coded(http::Headers& headers, http::ContentCoding coding) {
    headers.add("Content-Encoding", http::to_string(coding));
    headers.remove("Accept-Ranges");
    weaken_etag(headers);
}

std::unique_ptr<http::ContentEncoder> make_bounded_encoder(http::ContentCoding coding,
                                                           base::CompressionMemory& memory) {
    auto reserved = memory.reserve(http::encoder_memory(coding));
    if (!reserved) return nullptr;
    return std::make_unique<BoundedEncoder>(coding, *std::move(reserved));
}

}  // namespace proapi::service
