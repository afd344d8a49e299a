// Feeds a request to read_handshake(), or a response to check_accept_response().
// Oracle: the answer to an accepted handshake is accepted by a client with that key and by no other. If a client writes
// the handshake again, it is accepted again, with the same subprotocols. A client accepts only a response with the
// accept value of its key. Extensions that are serialized and parsed again are the same.
#include <set>

#include "http/request_parser.hpp"
#include "target.hpp"
#include "ws/handshake.hpp"

namespace proapi::fuzz {
namespace {

constexpr std::string_view sample_request_key = "dGhlIHNhbXBsZSBub25jZQ==", other_key = "AAAAAAAAAAAAAAAAAAAAAA==";

std::optional<http::RequestHead> read_head(std::string_view text) {
    const Block block(text);
    http::RequestParser parser({});
    static_cast<void>(parser.feed(base::as_bytes(block.text())));
    if (parser.state() != http::ParseState::complete) return std::nullopt;
    return parser.take_head();
}

void check_extensions(const http::Headers& headers) {
    const auto values = headers.getlist("Sec-WebSocket-Extensions");
    const auto extensions = ws::parse_extensions(values);
    if (!extensions) return;
    check(extensions->size() >= values.size(), "each field has an element");
    std::string line;
    for (const auto& [name, parameters] : *extensions) {
        check(http::is_token(name), "an extension's name is a token", name);
        line.append(line.empty() ? "" : ", ").append(name);
        for (const auto& [parameter, value] : parameters) {
            check(http::is_token(parameter), "a parameter's name is a token", parameter);
            check(!value || http::is_token(*value), "a parameter's value is a token", value.value_or(""));
            line.append("; ").append(parameter).append(value ? "=" + *value : "");
        }
    }
    if (line.empty()) return;
    const std::string_view written = line;
    const auto again = ws::parse_extensions({&written, 1});
    check(again && again->size() == extensions->size(), "as many extensions are read again", line);
    for (std::size_t i = 0; i < extensions->size(); ++i)
        check((*again)[i].name == (*extensions)[i].name && (*again)[i].parameters == (*extensions)[i].parameters,
              "an extension is the same again", line);
}

void check_accepted(const http::RequestHead& head, const ws::HandshakeRequest& request) {
    const std::string key(request.key);
    std::vector<std::string> names(request.subprotocols.begin(), request.subprotocols.end());
    for (const std::string& name : names) check(http::is_token(name), "a subprotocol is a token", name);
    check(std::set<std::string>(names.begin(), names.end()).size() == names.size(), "a subprotocol is offered once");
    check(ws::find_key(head) == key && ws::list_subprotocols(head) == request.subprotocols,
          "a head that was accepted is asked for the same later");
    const std::string answer = ws::write_accept_response(key, names.empty() ? "" : names.front(), {{"X-Other", "1"}});
    check_equal(error_text(ws::check_accept_response(answer, key)), "", "our client accepts our answer");
    check(!ws::check_accept_response(answer, key == other_key ? sample_request_key : other_key),
          "no client accepts the answer to another one", answer);

    const auto again = read_head(ws::write_handshake_request(head.host(), head.raw_path(), key, names));
    if (!again) return;  // the subprotocols do not fit into one head
    const auto same = ws::read_handshake(*again);
    check_equal(error_text(same), "", "a handshake that is written again is accepted");
    check(same->key == key && same->subprotocols == request.subprotocols,
          "a handshake that is written again asks for the same");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ws_handshake) {
    using namespace proapi;
    using namespace proapi::fuzz;
    if ((input.take_octet() & 1) != 0) {
        const Block response(input.rest());
        if (!ws::check_accept_response(response.text(), sample_request_key)) return;
        check(response.text().starts_with("HTTP/1.1 101"), "only a 101 is accepted", response.text());
        check(response.text().ends_with("\r\n\r\n"), "a response ends with an empty line", response.text());
        check(response.text().find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string_view::npos,
              "a response holds the accept value of the key", response.text());
        check(!ws::check_accept_response(response.text(), other_key), "another client refuses it");
        return;
    }
    const auto head = read_head(input.rest());
    if (!head) return;
    check_extensions(head->headers);
    const auto request = ws::read_handshake(*head);
    if (request) return check_accepted(*head, *request);
    const ws::HandshakeError& error = request.error();
    const int status = error.status();
    check(status == 400 || status == 405 || status == 426, "a refusal has one of its statuses");
    check(!error.text.empty(), "a refusal has a text");
    check((status == 426) == error.headers.contains("Sec-WebSocket-Version"), "a 426 names the version");
    check((status == 405) == error.headers.contains("Allow"), "a 405 names the method");
}
