#include "http/forwarded.hpp"

#include <algorithm>
#include <charconv>

#include "http/headers.hpp"
#include "http/parameters.hpp"
#include "http/text.hpp"

namespace proapi::http {

namespace {

// "_" and at least one more (RFC 7239 section 6.3).
[[nodiscard]] bool is_obfuscated(std::string_view text) noexcept {
    return text.size() > 1 && text.front() == '_' && std::ranges::all_of(text, [](char c) {
               return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
           });
}

// 1*5DIGIT, or a name that hides the port.
[[nodiscard]] bool take_port(std::string_view text, std::uint16_t& port) noexcept {
    if (is_obfuscated(text)) return true;
    if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
    return std::from_chars(text.data(), text.data() + text.size(), port).ec == std::errc{};
}

// Takes what precedes the port off the front: all up to the bracket, or up to the colon.
[[nodiscard]] std::string_view take_name(std::string_view& text) noexcept {
    const std::size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
    const std::size_t size = text.starts_with('[') && end != std::string_view::npos ? end + 1 : end;
    const std::string_view name = text.substr(0, size);
    text.remove_prefix(name.size());
    return name;
}

[[nodiscard]] bool take_node_name(std::string_view name, ForwardedNode& node) noexcept {
    if (equals_ignoring_case(name, "unknown") || is_obfuscated(name)) return true;
    if (name.starts_with('[')) {
        if (!name.ends_with(']')) return false;
        if (const auto ipv6 = base::parse_ipv6(name.substr(1, name.size() - 2))) node.address.emplace(*ipv6);
    } else if (const auto ipv4 = base::parse_ipv4(name)) {
        node.address.emplace(*ipv4);
    }
    return node.address.has_value();
}

// Returns false if the parameter is malformed, or has occurred before.
[[nodiscard]] bool take_parameter(const Parameter& parameter, ForwardedElement& element) {
    const auto take_text = [&](std::string& text) {
        if (!text.empty()) return false;
        text = without_escapes(parameter.value);
        return !text.empty();
    };
    if (equals_ignoring_case(parameter.name, "proto")) return take_text(element.proto);
    if (equals_ignoring_case(parameter.name, "host")) return take_text(element.host);
    if (!equals_ignoring_case(parameter.name, "for")) return true;
    if (element.client) return false;
    element.client = parse_forwarded_node(without_escapes(parameter.value));
    return element.client.has_value();
}

}  // namespace

std::optional<ForwardedNode> parse_forwarded_node(std::string_view text) noexcept {
    ForwardedNode node;
    if (!take_node_name(take_name(text), node)) return std::nullopt;
    if (!text.empty() && (text.front() != ':' || !take_port(text.substr(1), node.port))) return std::nullopt;
    return node;
}

std::optional<ForwardedNode> parse_x_forwarded_for(std::string_view text) noexcept {
    if (const auto ipv6 = base::parse_ipv6(text)) return ForwardedNode{base::IpAddress(*ipv6)};
    return parse_forwarded_node(text);
}

std::optional<ForwardedElement> parse_forwarded_element(std::string_view element) {
    const std::string text = ";" + std::string(element);  // parameters of a value that is empty
    const ParameterizedValue parsed = parse_parameters(text);
    if (parsed.error != ErrorCode::none) return std::nullopt;
    ForwardedElement read;
    for (const Parameter& parameter : parsed.parameters)
        if (!take_parameter(parameter, read)) return std::nullopt;
    return read;
}

std::optional<bool> is_secure_scheme(std::string_view scheme) noexcept {
    const auto is = [&](std::string_view name) { return equals_ignoring_case(scheme, name); };
    if (is("https") || is("wss")) return true;
    if (is("http") || is("ws")) return false;
    return std::nullopt;
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
    std::vector<std::string_view> members;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        if (const std::string_view member = trim(part); !member.empty()) members.push_back(member);
    }
    return members;
}

}  // namespace proapi::http
