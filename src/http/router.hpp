// Finds the route of a path: one tree for HTTP and WebSocket routes. Paths are split before decoding and compared
// segment by segment after it, so "%2F" never changes routing. At each segment a literal beats a converter (int, float,
// uuid), which beats a plain name, which beats `path`, whatever the order of registration. The search backtracks from
// dead ends. A node that has routes only for other methods is a dead end too: a page at "/chat/lobby" leaves
// "/chat/{room}" to the WebSocket.
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
        std::string literal;  // decoded; used if `parameter` is nullopt
        std::optional<PathParameter> parameter;
    };
    std::vector<Segment> segments;
    [[nodiscard]] std::vector<PathParameter> parameters() const;
};
// Fails for a pattern without a leading slash, an unknown converter, a duplicate or invalid name, an empty or mixed
// segment, or a `path` that is not last.
[[nodiscard]] Result<Pattern> parse_pattern(std::string_view pattern);

// The caller chooses route ids. Methods are HTTP methods; websocket_method marks a WebSocket route. It is not a token,
// so no request can have it as its method.
inline constexpr std::string_view websocket_method = "<websocket>";

enum class MatchKind : std::uint8_t {
    not_found,       // 404
    bad_path,        // 400: a malformed escape, %00, or not UTF-8
    wrong_method,    // 405, with Router::allowed_methods()
    websocket_only,  // 426: only a WebSocket route matches
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

    // Fails as parse_pattern() does, for a method that is not a token, and for a second route of the same method and
    // the same shape of path. GET also serves HEAD, unless HEAD is registered for that path.
    [[nodiscard]] Result<void> add(std::string_view method, std::string_view pattern, std::size_t route);
    // Returns the existing route because of which add() would refuse this one; nullopt if there is none, or if the
    // pattern is invalid.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view method, std::string_view pattern) const;
    // `raw_path` is the path of the request target, still percent-encoded.
    [[nodiscard]] Match match(std::string_view method, std::string_view raw_path) const;
    // Returns the methods of every route that matches the path, sorted; GET implies HEAD. If only a WebSocket route
    // matches, returns GET, the method of a handshake (RFC 6455 section 4.1).
    [[nodiscard]] std::vector<std::string> allowed_methods(std::string_view raw_path) const;

private:
    struct Node;
    std::unique_ptr<Node> root_;
};

}  // namespace proapi::http
