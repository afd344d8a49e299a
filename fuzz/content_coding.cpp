// Bodies of requests in every coding, and the fields that name codings. The input: a line with the value of
// Accept-Encoding, then a body; at its end the coding.
// Oracle: however a body is cut, the outcome is the same; what was decoded and is encoded again decodes to the same; no
// more is decoded than the limit and one octet.
#include <algorithm>
#include <array>

#include "http/content_encoder.hpp"
#include "service/coded_body.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

using http::ContentCoding;

constexpr std::uint64_t max_body_bytes = 1 << 20;

struct Outcome {
    http::ErrorCode error = http::ErrorCode::none;
    std::string text;
};

Outcome decode(ContentCoding coding, const std::vector<std::string_view>& pieces) {
    service::CodedBody body(coding);
    Outcome out;
    for (const std::string_view& piece : pieces) {
        body.add(std::string(piece));
        if (&piece == &pieces.back()) body.end();
        do {
            out.error = body.decode(out.text, max_body_bytes);
            check(out.text.size() <= max_body_bytes + 1, "no more is decoded than the limit and one octet");
            if (out.error != http::ErrorCode::none) return out;
        } while (body.has_more());
    }
    check(body.is_whole(), "a body without an error is whole at its end");
    return out;
}

void check_choice(std::string_view accepted) {
    const http::Headers fields{{"Accept-Encoding", accepted}};
    for (const auto prefer : {http::Prefer::small, http::Prefer::fast}) {
        const ContentCoding chosen = http::choose_coding(fields, prefer);
        if (chosen == ContentCoding::identity) continue;
        const auto named = [&](std::string_view name) {
            return std::search(accepted.begin(), accepted.end(), name.begin(), name.end(), [](char a, char b) {
                       return http::equals_ignoring_case({&a, 1}, {&b, 1});
                   }) != accepted.end();
        };
        check(named(http::to_string(chosen)) || named("*"), "a client gets only what it names", accepted);
    }
    const http::Headers content{{"Content-Encoding", accepted}};
    if (const auto coding = http::read_coding(content))
        check(*coding == *http::read_coding({{"Content-Encoding", http::to_string(*coding)}}), "a coding has a name");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(content_coding) {
    using namespace proapi;
    using namespace proapi::fuzz;
    constexpr std::array codings{ContentCoding::gzip, ContentCoding::deflate, ContentCoding::br, ContentCoding::zstd};
    const ContentCoding coding = codings[input.take_octet() % codings.size()];
    check_choice(input.take_line());
    if (!http::is_built(coding)) return;
    const std::vector<std::size_t> cuts = input.take_cuts();
    const std::string_view body = input.rest();
    const Outcome whole = decode(coding, {body}), in_pieces = decode(coding, cut(body, cuts));
    check(whole.error == in_pieces.error, "cut anywhere, a body has the same outcome", body);
    const std::size_t common = std::min(whole.text.size(), in_pieces.text.size());
    check(whole.text.substr(0, common) == in_pieces.text.substr(0, common), "cut anywhere, a body is the same", body);
    if (whole.error != http::ErrorCode::none || coding == ContentCoding::deflate) return;
    check(whole.text == in_pieces.text, "cut anywhere, a whole body is the same", body);
    std::string again;
    http::make_encoder(coding, whole.text.size())
        ->encode(base::as_bytes(whole.text), http::ContentEncoder::Until::end, again);
    check(decode(coding, {again}).text == whole.text, "what is encoded can be decoded", body);
}
