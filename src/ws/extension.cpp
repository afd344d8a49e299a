// Parses the field Sec-WebSocket-Extensions (RFC 6455 section 9.1).
#include "ws/extension.hpp"

#include "http/headers.hpp"
#include "http/parameters.hpp"

namespace proapi::ws {
namespace {

std::optional<ExtensionParameter> read_parameter(const http::Parameter& parameter) {
    if (!parameter.has_value) return ExtensionParameter{parameter.name, std::nullopt};
    std::string value = parameter.is_quoted ? http::without_escapes(parameter.value) : std::string(parameter.value);
    // Section 9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
    if (!http::is_token(value)) return std::nullopt;
    return ExtensionParameter{parameter.name, std::move(value)};
}

std::optional<ListedExtension> read_element(std::string_view text) {
    const http::ParameterizedValue parsed = http::parse_parameters(text, http::ParameterGrammar::rfc_6455);
    if (parsed.error != http::ErrorCode::none || !http::is_token(parsed.value)) return std::nullopt;
    ListedExtension element{parsed.value, {}};
    for (const http::Parameter& one : parsed.parameters) {
        auto parameter = read_parameter(one);
        if (!parameter) return std::nullopt;
        element.parameters.push_back(std::move(*parameter));
    }
    return element;
}

}  // namespace

std::optional<std::vector<ListedExtension>> parse_extensions(std::span<const std::string_view> values) {
    std::vector<ListedExtension> elements;
    for (const std::string_view value : values) {
        const auto members = http::split_list(value);
        if (members.empty()) return std::nullopt;  // 1#extension: empty elements are allowed, but do not count
        for (const std::string_view member : members) {
            auto element = read_element(member);
            if (!element) return std::nullopt;
            elements.push_back(std::move(*element));
        }
    }
    return elements;
}

}  // namespace proapi::ws
