// Feeds a table of routes, one line "METHOD pattern" each, then an empty line, then requests, "METHOD path" each.
// Oracle: a linear search without a tree. Of all routes that fit, the match is the one whose segments are the most
// specific, compared from left to right, with the same parameters, in whatever order the routes were added.
#include "http/router.hpp"

#include <cerrno>
#include <cmath>
#include <optional>
#include <set>

#include "base/utf8.hpp"
#include "http/text.hpp"
#include "http/url.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

struct AddedRoute {
    std::string method;
    std::string pattern;
    http::Pattern parsed;
};

bool is_number(std::string_view text, bool with_fraction) {
    if (text.size() > 1000) return false;
    const std::string all(text);
    if (text.starts_with('-')) text.remove_prefix(1);
    const std::size_t dot = with_fraction ? text.find('.') : std::string_view::npos;
    const auto digits = [](std::string_view part) {
        return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    if (!digits(text.substr(0, dot)) || (dot != std::string_view::npos && !digits(text.substr(dot + 1)))) return false;
    if (with_fraction) return std::isfinite(std::strtod(all.c_str(), nullptr));
    errno = 0;
    static_cast<void>(std::strtoll(all.c_str(), nullptr, 10));
    return errno == 0;
}

bool has_shape_of_uuid(std::string_view text) {
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return std::equal(text.begin(), text.end(), shape.begin(), shape.end(),
                      [](char c, char wanted) { return wanted == '-' ? c == '-' : http::is_hex(c); });
}

// Returns how specific the segment is for `text`, 0 being the most specific, or nothing if it does not match.
std::optional<int> rank(const http::Pattern::Segment& segment, const std::string& text) {
    if (!segment.parameter) return segment.literal == text ? std::optional(0) : std::nullopt;
    switch (segment.parameter->converter) {
        case http::Converter::integer:
            return is_number(text, false) ? std::optional(1) : std::nullopt;
        case http::Converter::floating:
            return is_number(text, true) ? std::optional(2) : std::nullopt;
        case http::Converter::uuid:
            return has_shape_of_uuid(text) ? std::optional(3) : std::nullopt;
        case http::Converter::text:
            return text.empty() ? std::nullopt : std::optional(4);
        case http::Converter::path:
            return text.empty() ? std::nullopt : std::optional(5);
    }
    return std::nullopt;
}

struct Fit {
    std::vector<int> ranks;
    std::vector<std::string> values;
};

std::optional<Fit> fit(const http::Pattern& pattern, const std::vector<std::string>& path) {
    Fit found;
    for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
        const auto& segment = pattern.segments[i];
        if (i == path.size()) return std::nullopt;
        const bool takes_rest = segment.parameter && segment.parameter->converter == http::Converter::path;
        std::string text = path[i];
        for (std::size_t j = i + 1; takes_rest && j < path.size(); ++j) text += "/" + path[j];
        const auto ranked = rank(segment, text);
        if (!ranked) return std::nullopt;
        found.ranks.push_back(*ranked);
        if (segment.parameter) found.values.push_back(text);
        if (takes_rest) return found;
    }
    return path.size() == pattern.segments.size() ? std::optional(found) : std::nullopt;
}

// Returns the decoded segments of a path, or nothing if the path is malformed.
std::optional<std::vector<std::string>> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        const auto decoded = http::percent_decode(segment);
        if (!decoded || decoded->find('\0') != std::string::npos) return std::nullopt;
        if (!base::is_valid_utf8(base::as_bytes(*decoded))) return std::nullopt;
        segments.push_back(*decoded);
    }
    return segments;
}

bool serves(const AddedRoute& route, const std::vector<AddedRoute>& routes, const Fit& found, std::string_view method,
            const std::vector<std::string>& path) {
    if (route.method == method) return true;
    if (method != "HEAD" || route.method != "GET") return false;
    // GET serves HEAD too, unless HEAD has a route of the same shape.
    return std::none_of(routes.begin(), routes.end(), [&](const AddedRoute& other) {
        const auto same = other.method == "HEAD" ? fit(other.parsed, path) : std::nullopt;
        return same && same->ranks == found.ranks;
    });
}

void check_request(const http::Router& router, const std::vector<AddedRoute>& routes, std::string_view method,
                   std::string_view raw_path) {
    const http::Match match = router.match(method, raw_path);
    if (!raw_path.starts_with('/')) return check(match.kind == http::MatchKind::not_found, "a path begins with /");
    const auto path = segments_of(raw_path);
    if (!path) return check(match.kind == http::MatchKind::bad_path, "a malformed path is a bad path", raw_path);

    std::optional<std::pair<Fit, std::size_t>> best;
    std::set<std::string> methods;
    bool fits_http = false, fits_websocket = false;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const auto found = fit(routes[i].parsed, *path);
        if (!found) continue;
        (routes[i].method == http::websocket_method ? fits_websocket : fits_http) = true;
        if (routes[i].method != http::websocket_method) methods.insert(routes[i].method);
        if (routes[i].method == "GET") methods.insert("HEAD");
        if (serves(routes[i], routes, *found, method, *path) && (!best || found->ranks < best->first.ranks))
            best.emplace(*found, i);
    }
    if (methods.empty() && fits_websocket) methods.insert("GET");
    const auto allowed = router.allowed_methods(raw_path);
    check(std::vector<std::string>(methods.begin(), methods.end()) == allowed, "all methods of a path are allowed",
          raw_path);
    const http::MatchKind expected = best             ? http::MatchKind::matched
                                     : fits_http      ? http::MatchKind::wrong_method
                                     : fits_websocket ? http::MatchKind::websocket_only
                                                      : http::MatchKind::not_found;
    check(match.kind == expected, "a path is matched, or refused for the right reason", raw_path);
    if (!best) return;
    check_equal(routes.at(match.route).pattern, routes[best->second].pattern, "the most specific route matches");
    check(match.route == best->second, "the route of the right method matches", raw_path);
    const auto parameters = routes[best->second].parsed.parameters();
    check(match.parameters.size() == parameters.size(), "a match has the parameters of its pattern", raw_path);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        check_equal(match.parameters[i].name, parameters[i].name, "parameters come in the pattern's order");
        check(match.parameters[i].converter == parameters[i].converter, "a parameter keeps its converter", raw_path);
        check_equal(match.parameters[i].value, best->first.values[i], "a parameter has the decoded text as its value");
    }
}

void split_at_space(std::string_view line, std::string_view& before, std::string_view& after) {
    before = line.substr(0, line.find(' '));
    after = line.substr(std::min(before.size() + 1, line.size()));
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(router) {
    using namespace proapi;
    using namespace proapi::fuzz;
    std::vector<AddedRoute> routes;
    http::Router router;
    std::string_view method, text;
    for (std::string_view line = input.take_line(); !line.empty(); line = input.take_line()) {
        split_at_space(line, method, text);
        if (method == "WS") method = http::websocket_method;
        const auto parsed = http::parse_pattern(text);
        const auto before = router.find(method, text);
        const auto added = router.add(method, text, routes.size());
        check(parsed || !added, "a wrong pattern is not added", text);
        check(!before || !added, "a route that is there is not added again", text);
        if (!added) continue;
        check(router.find(method, text) == routes.size(), "a route that was added is found", text);
        routes.push_back({std::string(method), std::string(text), *parsed});
    }
    http::Router reversed;
    for (std::size_t i = routes.size(); i-- > 0;)
        check_equal(error_text(reversed.add(routes[i].method, routes[i].pattern, i)), "",
                    "routes can be added in any order");
    while (!input.empty()) {
        split_at_space(input.take_line(), method, text);
        if (method == "WS") method = http::websocket_method;
        const Block path(text);
        check_request(router, routes, method, path.text());
        check_request(reversed, routes, method, path.text());
    }
}
