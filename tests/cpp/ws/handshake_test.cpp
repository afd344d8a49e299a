// ws/handshake: the vectors of contract/ws/handshakes.json, and requests and responses that are written and parsed
// again (RFC 6455 section 4).
#include "ws/handshake.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "http/request_parser.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::ws {
namespace {

using nlohmann::json;

constexpr std::string_view sample_key = "dGhlIHNhbXBsZSBub25jZQ==";

// A server's answer to a request: a status, and the head of the response for 101, or the refusal's fields.
struct Answer {
    int status = 0;  // 0: an ordinary request
    http::Headers headers;
    std::vector<std::string> subprotocols;
    std::string reason;
};

http::Headers read_fields(std::string_view head) {
    http::Headers fields;
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
        const std::size_t end = head.find("\r\n", at);
        const std::string_view line = head.substr(at, end - at);
        if (const std::size_t colon = line.find(": "); colon != std::string_view::npos) {
            fields.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
        }
        at = end + 2;
    }
    return fields;
}

// Feeds the request in pieces: the first of `first_bytes`, the others of `piece_bytes`.
Answer answer_to(std::string_view request, std::size_t first_bytes, std::size_t piece_bytes) {
    http::RequestParser parser{http::HeadLimits{}};
    for (std::size_t at = 0, size = first_bytes; at < request.size(); at += size, size = piece_bytes)
        parser.feed(base::as_bytes(request.substr(at, size)));
    if (parser.state() != http::ParseState::complete)
        return {http::describe(parser.error()).status, {}, {}, error_text(parser.error())};
    const http::RequestHead head = parser.take_head();
    if (!is_upgrade_request(head)) return {};
    const auto handshake = read_handshake(head);
    if (!handshake) return {handshake.error().status(), handshake.error().headers, {}, handshake.error().text};
    return {101,
            read_fields(write_accept_response(handshake->key, "", {})),
            {handshake->subprotocols.begin(), handshake->subprotocols.end()},
            {}};
}

Answer answer_to(std::string_view request) {
    return answer_to(request, request.size(), request.size());
}

std::string describe(const Answer& answer) {
    std::string text = std::to_string(answer.status) + "|" + answer.reason;
    for (const http::Header field : answer.headers)
        text.append("|").append(field.name).append(": ").append(field.value);
    for (const std::string& subprotocol : answer.subprotocols) text.append("|").append(subprotocol);
    return text;
}

json read_vectors() {
    std::ifstream file{std::filesystem::path{PROAPI_CONTRACT_DIR} / "ws" / "handshakes.json"};
    return json::parse(file);
}

TEST(Handshake, ServerVectors) {
    int played = 0;
    for (const json& vector : read_vectors()) {
        if (vector.at("role") != "server") continue;
        SCOPED_TRACE(vector.at("name").get<std::string>());
        ++played;
        const std::string request = vector.at("request").get<std::string>();
        const Answer answer = answer_to(request);
        for (std::size_t cut = 1; cut < request.size(); ++cut)
            ASSERT_EQ(describe(answer_to(request, cut, request.size())), describe(answer)) << "cut at " << cut;
        ASSERT_EQ(describe(answer_to(request, 1, 1)), describe(answer)) << "octet by octet";
        if (!vector.value("upgrade", true)) {
            EXPECT_EQ(answer.status, 0) << answer.reason;
            continue;
        }
        EXPECT_EQ(answer.status, vector.at("status").get<int>()) << answer.reason;
        for (const auto& [name, value] : vector.at("headers").items()) {
            EXPECT_EQ(answer.headers.get(name).value_or("none"), value.get<std::string>()) << name;
        }
        if (answer.status != 101) {
            EXPECT_NE(answer.reason, "");
            continue;
        }
        EXPECT_EQ(std::distance(answer.headers.begin(), answer.headers.end()), std::ssize(vector.at("headers")))
            << "nothing but the handshake's own fields";
        EXPECT_EQ(answer.subprotocols, vector.at("subprotocols").get<std::vector<std::string>>());
    }
    EXPECT_GT(played, 50);
}

// promise: client-role
TEST(Handshake, ClientVectors) {
    int played = 0;
    for (const json& vector : read_vectors()) {
        if (vector.at("role") != "client") continue;
        SCOPED_TRACE(vector.at("name").get<std::string>());
        ++played;
        const std::string response = vector.at("response").get<std::string>();
        const std::string fault = error_text(check_accept_response(response, vector.at("key").get<std::string>()));
        EXPECT_EQ(fault.empty(), vector.at("ok").get<bool>()) << fault;
        // A head that is cut off is never valid.
        for (std::size_t size = 0; size < response.size(); ++size) {
            ASSERT_NE(error_text(check_accept_response(response.substr(0, size), vector.at("key").get<std::string>())),
                      "")
                << size;
        }
    }
    EXPECT_GT(played, 20);
}

TEST(Handshake, AcceptValueOfTheRfc) {
    EXPECT_EQ(accept_value(sample_key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, ResponseIsWrittenWhole) {
    EXPECT_EQ(write_accept_response(sample_key, "chat", {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}}),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
              "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n");
}

// promise: client-role
TEST(Handshake, ClientAndServerAgree) {
    const std::vector<std::string> subprotocols{"chat", "superchat"};
    const std::string request = write_handshake_request("localhost:8000", "/ws?x=1", sample_key, subprotocols);
    const Answer answer = answer_to(request);
    EXPECT_EQ(answer.status, 101) << answer.reason;
    EXPECT_EQ(answer.subprotocols, subprotocols);
    EXPECT_EQ(error_text(check_accept_response(write_accept_response(sample_key, "chat", {}), sample_key)), "");
    EXPECT_EQ(answer_to(write_handshake_request("localhost", "/", sample_key, {})).status, 101);
}

TEST(Handshake, RefusalsThatEndTheConnectionSaySo) {
    const std::string head =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ";
    const std::string key{sample_key};
    const Answer body = answer_to(head + key + "\r\nSec-WebSocket-Version: 13\r\nContent-Length: 1\r\n\r\n");
    EXPECT_EQ(body.status, 400);
    EXPECT_EQ(body.headers.get("Connection").value_or("none"), "close");
    const Answer bad_key = answer_to(head + "x\r\nSec-WebSocket-Version: 13\r\n\r\n");
    EXPECT_EQ(bad_key.reason, "expected a Sec-WebSocket-Key of base64 for 16 octets, got \"x\"");
}

// Returns a valid head, which each test below makes invalid in one place.
http::RequestHead lawful_head() {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/";
    head.headers = {{"Host", "a"},
                    {"Upgrade", "websocket"},
                    {"Connection", "upgrade"},
                    {"Sec-WebSocket-Key", std::string(sample_key)},
                    {"Sec-WebSocket-Version", "13"}};
    return head;
}

// Returns the status and the text of the refusal, or "none".
std::string refusal_of(const http::RequestHead& head) {
    const auto handshake = read_handshake(head);
    if (handshake) return "none";
    return std::to_string(handshake.error().status()) + " " + handshake.error().text;
}

std::string refusal_with(std::string_view name, std::initializer_list<std::string_view> values) {
    http::RequestHead head = lawful_head();
    head.headers.remove(name);
    for (const std::string_view value : values) head.headers.add(name, value);
    return refusal_of(head);
}

TEST(Handshake, RefusalsSayWhatWasExpectedAndWhatCame) {
    EXPECT_EQ(refusal_of(lawful_head()), "none");
    http::RequestHead head = lawful_head();
    head.method = "POST";
    EXPECT_EQ(refusal_of(head), "405 expected method GET for a WebSocket handshake, got \"POST\"");
    head = lawful_head();
    head.minor_version = 0;
    EXPECT_EQ(refusal_of(head), "400 expected HTTP/1.1 or higher for a WebSocket handshake, got HTTP/1.0");
    head = lawful_head();
    head.framing = http::BodyFraming::chunked;
    EXPECT_EQ(refusal_of(head), "400 expected a WebSocket handshake without a body, got one");
    constexpr std::string_view no_host = "400 expected a Host field that names this server, got none or an empty one";
    EXPECT_EQ(refusal_with("Host", {}), no_host);
    EXPECT_EQ(refusal_with("Host", {""}), no_host);
    EXPECT_EQ(refusal_with("Upgrade", {"h2c"}), "400 expected the token \"websocket\" in the Upgrade field, got none");
    EXPECT_EQ(refusal_with("Connection", {"keep-alive"}),
              "400 expected the token \"upgrade\" in the Connection field, got none");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Version", {}), "426 expected one Sec-WebSocket-Version of 13, got none");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Version", {"8"}), "426 expected one Sec-WebSocket-Version of 13, got \"8\"");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Version", {"13", "8"}),
              "426 expected one Sec-WebSocket-Version of 13, got \"13\" and another");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Key", {}), "400 expected one Sec-WebSocket-Key, got 0");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Key", {sample_key, sample_key}), "400 expected one Sec-WebSocket-Key, got 2");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Protocol", {"chat", "a b"}),
              "400 expected tokens in Sec-WebSocket-Protocol, got \"a b\"");
    EXPECT_EQ(refusal_with("Sec-WebSocket-Protocol", {"chat, x", "chat"}),
              "400 expected each name in Sec-WebSocket-Protocol once, got \"chat\" twice");
}

TEST(Handshake, AKeyIsBase64Of16Octets) {
    for (const std::string key : {"dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZ===",
                                  "dGhlIHNhbXBsZSBub25j!Q==", "dGhlIHNhbXBsZSBub25jZQAA", ""})
        EXPECT_TRUE(refusal_with("Sec-WebSocket-Key", {key}).starts_with("400 ")) << key;
    EXPECT_EQ(refusal_with("Sec-WebSocket-Key", {"++++++++++//////////09=="}), "none");
}

TEST(Handshake, ManySubprotocolsAreReadInOrder) {
    std::string names;
    for (int i = 0; i < 2000; ++i) names += "n" + std::to_string(i) + ",";
    http::RequestHead head = lawful_head();
    head.headers.add("Sec-WebSocket-Protocol", names);
    const auto handshake = read_handshake(head);
    ASSERT_EQ(error_text(handshake), "");
    ASSERT_EQ(handshake->subprotocols.size(), 2000U);
    EXPECT_EQ(handshake->subprotocols[1999], "n1999");
}

TEST(Handshake, AHeadThatWasTakenIsAskedForItsKeyAndWhatItOffers) {
    http::RequestHead head = lawful_head();
    head.headers.add("Sec-WebSocket-Protocol", "chat, superchat");
    head.headers.add("Sec-WebSocket-Protocol", "v2");
    EXPECT_EQ(find_key(head), sample_key);
    EXPECT_EQ(list_subprotocols(head), (std::vector<std::string_view>{"chat", "superchat", "v2"}));
}

TEST(Handshake, AResponseWithAMalformedFieldIsRefused) {
    const std::string response = write_accept_response(sample_key, "", {});
    const std::string fields = response.substr(0, response.size() - 2);
    EXPECT_EQ(error_text(check_accept_response(fields + "no colon\r\n\r\n", sample_key)),
              "expected a field \"name: value\", got \"no colon\"");
    EXPECT_EQ(error_text(check_accept_response(fields + "a b: c\r\n\r\n", sample_key)),
              "expected a field \"name: value\", got \"a b: c\"");
    EXPECT_EQ(error_text(check_accept_response(response + "more", sample_key)),
              "expected nothing after the empty line, got more");
}

}  // namespace
}  // namespace proapi::ws
