// The route tree: one node per segment, with its children by literal or by converter and the routes that end there.
// Only one path of segments leads to each node, so a search visits a node at most once: the number of routes bounds its
// cost, whatever the path.
#include "http/router.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>

#include "http/headers.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

// The order in which a node's children are tried, after its literals.
constexpr std::array precedence{Converter::integer, Converter::floating, Converter::uuid, Converter::text,
                                Converter::path};

bool is_integer(std::string_view text) noexcept {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && stop == text.data() + text.size();
}

// '-'? digits ( '.' digits )?, finite as a double.
bool is_decimal(std::string_view text) noexcept {
    std::string_view digits = text;
    if (digits.starts_with('-')) digits.remove_prefix(1);
    const std::size_t dot = digits.find('.');
    const auto all_digits = [](std::string_view part) {
        return !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
    };
    if (!all_digits(digits.substr(0, dot))) return false;
    if (dot != std::string_view::npos && !all_digits(digits.substr(dot + 1))) return false;
    double number = 0;
    const auto [stop, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    return error == std::errc{} && stop == text.data() + text.size() && std::isfinite(number);
}

// 8-4-4-4-12 hexadecimal digits (RFC 9562 section 4), any case.
bool is_uuid(std::string_view text) noexcept {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

// Longer texts are not numbers for any practical use, and Python refuses to parse integers of more than 4,300 digits.
constexpr std::size_t max_number_size = 1000;

bool accepts(Converter converter, std::string_view segment) noexcept {
    switch (converter) {
        case Converter::integer:
            return segment.size() <= max_number_size && is_integer(segment);
        case Converter::floating:
            return segment.size() <= max_number_size && is_decimal(segment);
        case Converter::uuid:
            return is_uuid(segment);
        case Converter::text:
        case Converter::path:
            return !segment.empty();
    }
    return false;
}

// A path split at its slashes and then decoded. The segments are views of `decoded`, which has a "/" between them.
struct SplitPath {
    std::string decoded;
    std::vector<std::string_view> segments;
    bool valid = false;

    explicit SplitPath(std::string_view raw) {
        decoded.reserve(raw.size());  // decoding never lengthens, so the views stay valid
        std::vector<std::size_t> starts;
        while (!raw.empty()) {
            raw.remove_prefix(1);
            const std::string_view segment = raw.substr(0, raw.find('/'));
            raw.remove_prefix(segment.size());
            if (!starts.empty()) decoded.push_back('/');
            starts.push_back(decoded.size());
            if (segment.find('%') == std::string_view::npos) {
                decoded.append(segment);
            } else if (const auto text = percent_decode(segment)) {
                decoded.append(*text);
            } else {
                return;
            }
        }
        // The slashes are ASCII, so the whole is valid UTF-8 exactly if each segment is.
        if (!simdjson::validate_utf8(decoded.data(), decoded.size())) return;
        valid = decoded.find('\0') == std::string::npos;
        for (std::size_t i = 0; i < starts.size(); ++i) {
            const std::size_t end = i + 1 < starts.size() ? starts[i + 1] - 1 : decoded.size();
            segments.push_back(std::string_view{decoded}.substr(starts[i], end - starts[i]));
        }
    }

    // Returns segment `index` and everything after it.
    [[nodiscard]] std::string_view rest_from(std::size_t index) const noexcept {
        const auto start = static_cast<std::size_t>(segments[index].data() - decoded.data());
        return std::string_view{decoded}.substr(start);
    }
};

}  // namespace

struct Router::Node {
    struct Endpoint {
        std::string method;
        std::size_t route = 0;
        std::vector<PathParameter> parameters;
    };
    class Search;

    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::array<std::unique_ptr<Node>, precedence.size()> parameters;  // by Converter
    std::vector<Endpoint> endpoints;

    Node& child(const Pattern::Segment& segment) {
        auto& slot = segment.parameter ? parameters[static_cast<std::size_t>(segment.parameter->converter)]
                                       : literals[segment.literal];
        if (!slot) slot = std::make_unique<Node>();
        return *slot;
    }

    [[nodiscard]] const Node* find_child(const Pattern::Segment& segment) const noexcept {
        if (segment.parameter) return child(segment.parameter->converter);
        const auto literal = literals.find(segment.literal);
        return literal == literals.end() ? nullptr : literal->second.get();
    }
    [[nodiscard]] const Node* child(Converter converter) const noexcept {
        return parameters[static_cast<std::size_t>(converter)].get();
    }

    [[nodiscard]] const Endpoint* endpoint(std::string_view method) const noexcept {
        for (const Endpoint& candidate : endpoints) {
            if (candidate.method == method) return &candidate;
        }
        // RFC 9110 section 9.3.2: HEAD is GET without content.
        return method == "HEAD" ? endpoint("GET") : nullptr;
    }
};

// One search. A node where the path ends without a route for the method is a dead end like any other. The methods of
// such nodes are collected for the refusal.
class Router::Node::Search {
public:
    Search(std::string_view method, const SplitPath& path) noexcept : method_(method), path_(path) {}

    // Depth is bounded by the longest pattern, not by the path.
    const Endpoint* find(const Node& node, std::size_t index) {
        if (index == path_.segments.size()) return end_at(node);
        const std::string_view segment = path_.segments[index];
        if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
            if (const Endpoint* found = find(*literal->second, index + 1)) return found;
        }
        for (const Converter converter : precedence) {
            const Node* child = node.child(converter);
            if (!child) continue;
            const bool takes_rest = converter == Converter::path;
            const std::string_view value = takes_rest ? path_.rest_from(index) : segment;
            if (!accepts(converter, value)) continue;
            values_.push_back(value);
            if (const Endpoint* found = takes_rest ? end_at(*child) : find(*child, index + 1)) return found;
            values_.pop_back();
        }
        return nullptr;
    }

    void fill(const Endpoint& endpoint, Match& match) const {
        match.kind = MatchKind::matched;
        match.route = endpoint.route;
        match.parameters.reserve(values_.size());
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const PathParameter& parameter = endpoint.parameters[i];
            match.parameters.push_back({parameter.name, std::string{values_[i]}, parameter.converter});
        }
    }

    // The methods of the routes at the nodes where the path ended.
    [[nodiscard]] const std::vector<std::string_view>& methods() const noexcept { return methods_; }

private:
    const Endpoint* end_at(const Node& node) {
        if (const Endpoint* found = node.endpoint(method_)) return found;
        for (const Endpoint& endpoint : node.endpoints) methods_.emplace_back(endpoint.method);
        return nullptr;
    }

    std::string_view method_;
    const SplitPath& path_;
    std::vector<std::string_view> values_;   // of the parameters on the current path
    std::vector<std::string_view> methods_;  // of the nodes where the path ended
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Result<void> Router::add(std::string_view method, std::string_view pattern, std::size_t route) {
    if (!is_token(method) && method != websocket_method)
        return make_error(ErrorCode::bad_route_method, {quoted(method)});
    Result<Pattern> parsed = parse_pattern(pattern);
    if (!parsed) return std::move(parsed).error();
    Node* node = root_.get();
    for (const Pattern::Segment& segment : parsed->segments) node = &node->child(segment);
    if (std::ranges::find(node->endpoints, method, &Node::Endpoint::method) != node->endpoints.end())
        return make_error(ErrorCode::route_twice, {method, quoted(pattern)});
    node->endpoints.push_back({std::string{method}, route, parsed->parameters()});
    return {};
}

std::optional<std::size_t> Router::find(std::string_view method, std::string_view pattern) const {
    const auto parsed = parse_pattern(pattern);
    if (!parsed) return std::nullopt;
    const Node* node = root_.get();
    for (const Pattern::Segment& segment : parsed->segments) {
        node = node->find_child(segment);
        if (!node) return std::nullopt;
    }
    const auto found = std::ranges::find(node->endpoints, method, &Node::Endpoint::method);
    return found == node->endpoints.end() ? std::nullopt : std::optional(found->route);
}

Match Router::match(std::string_view method, std::string_view raw_path) const {
    Match match;
    if (!raw_path.starts_with('/')) return match;
    const SplitPath path{raw_path};
    if (!path.valid) {
        match.kind = MatchKind::bad_path;
        return match;
    }
    Node::Search search{method, path};
    if (const Node::Endpoint* found = search.find(*root_, 0)) {
        search.fill(*found, match);
    } else if (const auto& methods = search.methods(); !methods.empty()) {
        const bool only = std::all_of(methods.begin(), methods.end(), [](auto one) { return one == websocket_method; });
        match.kind = only ? MatchKind::websocket_only : MatchKind::wrong_method;
    }
    return match;
}

std::vector<std::string> Router::allowed_methods(std::string_view raw_path) const {
    const SplitPath path{raw_path};
    if (!raw_path.starts_with('/') || !path.valid) return {};
    Node::Search search{"", path};  // no route has this method: every end is a dead end
    static_cast<void>(search.find(*root_, 0));
    std::vector<std::string> allowed;
    for (const std::string_view method : search.methods()) {
        if (method != websocket_method) allowed.emplace_back(method);
        if (method == "GET") allowed.emplace_back("HEAD");
    }
    if (allowed.empty() && !search.methods().empty()) allowed.emplace_back("GET");
    std::sort(allowed.begin(), allowed.end());
    allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
    return allowed;
}

}  // namespace proapi::http
