// Both sides of the opening handshake of RFC 6455 section 4, on heads that the http layer has found well-formed. SHA-1
// and base64 come from libcrypto. Does not decide which origins, routes and subprotocols are allowed.
#include "ws/handshake.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "http/text.hpp"

namespace proapi::ws {
namespace {

constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
constexpr std::string_view version = "13";
constexpr std::string_view extensions_field = "Sec-WebSocket-Extensions";

HandshakeError refuse(ErrorCode code, std::initializer_list<std::string_view> values = {}, http::Headers headers = {}) {
    return {make_error(code, values), std::move(headers)};
}

// Quotes received text for an error's text.
std::string quoted(std::string_view text) {
    constexpr std::size_t shown_octets = 60;
    return http::quoted(text, shown_octets);
}

bool is_base64_digit(char c) noexcept {
    return http::is_letter(c) || http::is_digit(c) || c == '+' || c == '/';
}

// Section 4.1: base64 of 16 octets is 22 digits and "==" (RFC 4648 section 4).
bool is_key(std::string_view text) noexcept {
    return text.size() == 24 && text.ends_with("==") && std::all_of(text.begin(), text.end() - 2, is_base64_digit);
}

// Returns a member of `names` that occurs twice, or nullopt. Sorts, so that a head full of names costs at most n log n.
std::optional<std::string_view> find_duplicate(std::vector<std::string_view> names) {
    std::sort(names.begin(), names.end());
    const auto found = std::adjacent_find(names.begin(), names.end());
    return found == names.end() ? std::nullopt : std::optional{*found};
}

// Method, version and the fields of section 4.2.1 items 1-4.
base::Result<void, HandshakeError> check_handshake_fields(const http::RequestHead& head) {
    if (head.method != "GET") return refuse(ErrorCode::bad_method, {quoted(head.method)}, {{"Allow", "GET"}});
    if (head.minor_version < 1) return refuse(ErrorCode::http_1_0);
    if (head.host().empty()) return refuse(ErrorCode::no_host);
    if (!is_upgrade_request(head)) return refuse(ErrorCode::no_upgrade);
    if (!head.headers.has_token("Connection", "upgrade")) return refuse(ErrorCode::no_connection_upgrade);
    // A body could be confused with the first frames, so the request is refused and the connection ends.
    if (head.framing == http::BodyFraming::chunked || head.content_length > 0)
        return refuse(ErrorCode::has_body, {}, {{"Connection", "close"}});
    return {};
}

// Returns the fields of a response to a handshake if its first line is correct.
Result<http::Headers> read_response_fields(std::string_view head) {
    constexpr std::string_view end = "\r\n";
    std::size_t line_end = head.find(end);
    if (line_end == std::string_view::npos) return make_error(ErrorCode::no_response_line_end);
    const std::string_view status_line = head.substr(0, line_end);
    const std::string_view status = status_line.substr(0, 13);
    if (status != "HTTP/1.1 101 " && status_line != "HTTP/1.1 101")
        return make_error(ErrorCode::bad_status_line, {quoted(status_line)});
    http::Headers fields;
    while (true) {
        head.remove_prefix(line_end + end.size());
        line_end = head.find(end);
        if (line_end == std::string_view::npos) return make_error(ErrorCode::no_response_end);
        if (line_end == 0) break;
        const std::string_view line = head.substr(0, line_end);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !http::is_token(line.substr(0, colon)))
            return make_error(ErrorCode::bad_response_field, {quoted(line)});
        fields.add(line.substr(0, colon), http::trim(line.substr(colon + 1)));
    }
    if (head.size() != end.size()) return make_error(ErrorCode::text_after_response);
    return fields;
}

Result<void> check_extension(const http::Headers& fields, const Extension* offered) {
    const auto values = fields.getlist(extensions_field);
    if (values.empty()) return {};
    if (offered == nullptr) return make_error(ErrorCode::extension_not_offered);
    const auto answered = parse_extensions(values);
    // Section 4.1, the response's item 5: nothing that was not offered.
    const bool is_offered = answered && answered->size() == 1 && answered->front().name == offered->name() &&
                            offered->confirm(answered->front().parameters).has_value();
    if (is_offered) return {};
    return make_error(ErrorCode::bad_extension, {quoted(offered->offer()), quoted(values[0])});
}

}  // namespace

bool is_upgrade_request(const http::RequestHead& head) noexcept {
    return head.headers.has_token("Upgrade", "websocket");
}

base::Result<HandshakeRequest, HandshakeError> read_handshake(const http::RequestHead& head) {
    if (auto checked = check_handshake_fields(head); !checked) return std::move(checked).error();
    // Section 4.2.2 item 4 (/version/) and 4.4. Checked before the key, since a client of an old draft may have no key
    // at all.
    const auto versions = head.headers.getlist("Sec-WebSocket-Version");
    if (versions.size() != 1 || versions[0] != version) {
        std::string got = versions.empty() ? "none" : quoted(versions[0]);
        if (versions.size() > 1) got += " and another";
        return refuse(ErrorCode::bad_version, {got},
                      {{"Upgrade", "websocket"},  // RFC 9110 section 15.5.22
                       {"Sec-WebSocket-Version", std::string(version)},
                       {"Connection", "close"}});
    }
    // Section 4.2.1 item 5; 11.3.1: the field MUST NOT appear more than once.
    const auto keys = head.headers.getlist("Sec-WebSocket-Key");
    if (keys.size() != 1) return refuse(ErrorCode::not_one_key, {std::to_string(keys.size())});
    if (!is_key(keys[0])) return refuse(ErrorCode::bad_key, {quoted(keys[0])});
    // Section 4.1 item 10: elements are tokens, all unique.
    auto names = list_subprotocols(head);
    const auto invalid = std::find_if_not(names.begin(), names.end(), http::is_token);
    if (invalid != names.end()) return refuse(ErrorCode::bad_subprotocol, {quoted(*invalid)});
    if (const auto twice = find_duplicate(names)) return refuse(ErrorCode::subprotocol_twice, {quoted(*twice)});
    // Section 9.1: a field that breaks the grammar fails the handshake, whether or not an extension is wanted.
    const auto offers = head.headers.getlist(extensions_field);
    if (!offers.empty() && !parse_extensions(offers)) return refuse(ErrorCode::bad_extensions, {quoted(offers[0])});
    return HandshakeRequest{keys[0], std::move(names)};
}

std::string_view find_key(const http::RequestHead& head) noexcept {
    return head.headers.get("Sec-WebSocket-Key").value_or("");
}

std::vector<std::string_view> list_subprotocols(const http::RequestHead& head) {
    std::vector<std::string_view> names;
    for (const std::string_view value : head.headers.getlist("Sec-WebSocket-Protocol")) {
        const auto members = http::split_list(value);
        names.insert(names.end(), members.begin(), members.end());
    }
    return names;
}

std::optional<Extension::Agreement> accept_extension(const http::RequestHead& head, const Extension& extension) {
    const auto offers = parse_extensions(head.headers.getlist(extensions_field));
    if (!offers) return std::nullopt;
    // Section 9.1: "in order of preference", the best one first.
    for (const ListedExtension& offer : *offers) {
        if (offer.name != extension.name()) continue;
        if (auto agreement = extension.accept(offer.parameters)) return agreement;
    }
    return std::nullopt;
}

std::string accept_value(std::string_view key) {
    std::string text{key};
    text += guid;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int digest_size = 0;
    // If libcrypto has no SHA-1, return an empty value, which no client accepts.
    if (EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr) != 1) return {};
    std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest_size));
    return {encoded.begin(), encoded.begin() + length};
}

std::string write_accept_response(std::string_view key, std::string_view subprotocol, const http::Headers& extra,
                                  std::string_view extension) {
    // Section 4.2.2 item 5. RFC 9110 section 8.6 and RFC 9112 section 6.1: no Content-Length or Transfer-Encoding in a
    // 1xx.
    std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    head.append("Sec-WebSocket-Accept: ").append(accept_value(key)).append("\r\n");
    if (!subprotocol.empty()) head.append("Sec-WebSocket-Protocol: ").append(subprotocol).append("\r\n");
    if (!extension.empty()) head.append(extensions_field).append(": ").append(extension).append("\r\n");
    for (const http::Header field : extra) head.append(field.name).append(": ").append(field.value).append("\r\n");
    return head.append("\r\n");
}

std::string write_handshake_request(std::string_view host, std::string_view target, std::string_view key,
                                    std::span<const std::string> subprotocols, const Extension* offered) {
    // Section 4.1, the request's items 1-11.
    std::string head = "GET ";
    head.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    head.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ").append(key);
    head.append("\r\nSec-WebSocket-Version: ").append(version).append("\r\n");
    for (std::size_t i = 0; i < subprotocols.size(); ++i) {
        head.append(i == 0 ? "Sec-WebSocket-Protocol: " : ", ").append(subprotocols[i]);
    }
    if (!subprotocols.empty()) head.append("\r\n");
    if (offered != nullptr) head.append(extensions_field).append(": ").append(offered->offer()).append("\r\n");
    return head.append("\r\n");
}

Result<void> check_accept_response(std::string_view head, std::string_view key, const Extension* offered) {
    auto read = read_response_fields(head);
    if (!read) return std::move(read).error();
    const http::Headers& fields = *read;
    // Section 4.1, the response's items 2-6.
    const auto upgrades = fields.getlist("Upgrade");
    if (upgrades.size() != 1 || !http::equals_ignoring_case(upgrades[0], "websocket"))
        return make_error(ErrorCode::bad_upgrade, {upgrades.empty() ? "none" : quoted(upgrades[0])});
    if (!fields.has_token("Connection", "upgrade")) return make_error(ErrorCode::no_upgrade_option);
    const auto accepts = fields.getlist("Sec-WebSocket-Accept");
    const std::string expected = accept_value(key);
    if (accepts.size() != 1 || accepts[0] != expected) {
        return make_error(ErrorCode::bad_accept, {quoted(expected), accepts.empty() ? "none" : quoted(accepts[0])});
    }
    if (auto checked = check_extension(fields, offered); !checked) return checked;
    const auto chosen = fields.getlist("Sec-WebSocket-Protocol");
    if (chosen.size() > 1 || (chosen.size() == 1 && !http::is_token(chosen[0])))
        return make_error(ErrorCode::bad_chosen_subprotocol, {quoted(chosen[0])});
    return {};
}

std::optional<Extension::Agreement> confirm_extension(std::string_view head, const Extension& offered) {
    const auto fields = read_response_fields(head);
    if (!fields) return std::nullopt;
    const auto answered = parse_extensions(fields->getlist(extensions_field));
    if (!answered || answered->empty()) return std::nullopt;
    return offered.confirm(answered->front().parameters);
}

}  // namespace proapi::ws
