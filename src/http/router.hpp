// Which handler a path belongs to: one tree for HTTP and WebSocket routes. Segments are compared decoded, but split
// before decoding, so "%2F" never changes routing. At each segment a literal beats a converter (int, float, uuid),
// which beats a plain name, which beats `path`, whatever the order of registration; a dead end backtracks, and a path
// that has routes only for other methods is one: a page at "/chat/lobby" leaves "/chat/{room}" to the WebSocket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.hpp"

namespace proapi::http {

enum class Converter : std::uint8_t { text, integer, floating, uuid, path };

struct PathParameter {
    std::string name;
    Converter converter = Converter::text;
    friend bool operator==(const PathParameter&, const PathParameter&) = default;
};

// A route pattern such as "/chat/{room}/{page:int}".
struct Pattern {
    struct Segment {
        std::string literal;  // decoded; where `parameter` is none
        std::optional<PathParameter> parameter;
    };
    std::vector<Segment> segments;
    [[nodiscard]] std::vector<PathParameter> parameters() const;
};
// Fails for a pattern without a leading slash, an unknown converter, a duplicate or invalid name, an empty or mixed
// segment, or a `path` that is not last.
[[nodiscard]] Result<Pattern> parse_pattern(std::string_view pattern);

// A route id is the caller's number. Methods are as in HTTP; websocket_method names a WebSocket route. It is no token:
// no request can have it for its method.
inline constexpr std::string_view websocket_method = "<websocket>";

enum class MatchKind : std::uint8_t {
    not_found,       // 404
    bad_path,        // 400: a malformed escape, %00, or not UTF-8
    wrong_method,    // 405, with Router::allowed_methods()
    websocket_only,  // 426: nothing but a WebSocket route here
    matched,
};

struct PathValue {
    std::string name;
    std::string value;  // decoded once, valid for its converter
    Converter converter = Converter::text;
    friend bool operator==(const PathValue&, const PathValue&) = default;
};

struct Match {
    MatchKind kind = MatchKind::not_found;
    std::size_t route = 0;
    std::vector<PathValue> parameters;  // in the order of the pattern
};

class Router {
public:
    Router();
    ~Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;

    // Fails as parse_pattern() does, for a method that is not a token, and for a second route of the same method whose
    // path has the same shape. GET serves HEAD too, unless HEAD is registered for that path.
    [[nodiscard]] Result<void> add(std::string_view method, std::string_view pattern, std::size_t route);
    // The route that add() would refuse this one for; none: it is free, or the pattern is wrong.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view method, std::string_view pattern) const;
    // `raw_path` is the path of the request target, still percent-encoded.
    [[nodiscard]] Match match(std::string_view method, std::string_view raw_path) const;
    // The methods of every route of that path, sorted; HEAD beside GET. Of a WebSocket route GET, the method of a
    // handshake (RFC 6455 section 4.1), where it is alone.
    [[nodiscard]] std::vector<std::string> allowed_methods(std::string_view raw_path) const;

private:
    struct Node;
    std::unique_ptr<Node> root_;
};

}  // namespace proapi::http
