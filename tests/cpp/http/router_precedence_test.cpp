// Route precedence, compared with a linear search: of all routes that fit, the match is the one whose segments are the
// most specific, compared from left to right. Random tables, random paths, random orders of registration; the seed is
// fixed and shown.
// promise: route-precedence
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "http/router.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

struct Route {
    std::string method, pattern;
};

// Returns how specific the segment is for `text`, 0 being the most specific, or a negative number if it does not fit.
int rank(const std::string& segment, const std::string& text) {
    const bool number =
        !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (segment.find('{') == std::string::npos) return segment == text ? 0 : -1;
    if (segment.find(":int") != std::string::npos) return number ? 1 : -1;
    if (segment.find(":float") != std::string::npos) return number || text == "1.5" ? 2 : -1;
    return text.empty() ? -1 : 4;
}

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> segments;
    for (std::size_t start = 1; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        segments.push_back(path.substr(start, end - start));
        start = end + 1;
    }
    return segments;
}

// Returns the ranks of the segments of a route that fits, or nothing.
std::optional<std::vector<int>> ranks(const std::string& pattern, const std::string& path) {
    const auto wanted = split(pattern);
    const auto given = split(path);
    std::vector<int> found;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i >= given.size()) return std::nullopt;
        if (wanted[i].find(":path") != std::string::npos) {
            const bool some = i + 1 < given.size() || !given[i].empty();
            if (!some) return std::nullopt;
            found.push_back(5);
            return found;
        }
        const int one = rank(wanted[i], given[i]);
        if (one < 0) return std::nullopt;
        found.push_back(one);
    }
    if (given.size() != wanted.size()) return std::nullopt;
    return found;
}

class Tables {
public:
    explicit Tables(unsigned seed) : random_(seed) {}

    std::string pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }

    std::vector<Route> routes() {
        std::map<std::string, Route> by_shape;
        for (std::size_t count = 1 + random_() % 12; count > 0; --count) {
            Route route{pick({"GET", "GET", "POST"}), ""};
            std::string shape = route.method;
            for (std::size_t depth = 1 + random_() % 3, i = 0; i < depth; ++i) {
                const std::string name = "p" + std::to_string(i);
                std::string segment = pick({"a", "b", "1", "{}", "{:int}", "{:float}", "{:path}", ""});
                if (segment.empty() && i + 1 < depth) segment = "a";
                shape += "/" + segment;
                if (segment.starts_with('{')) segment.insert(1, name);
                route.pattern += "/" + segment;
                if (segment.find(":path") != std::string::npos) break;
            }
            by_shape.emplace(shape, route);
        }
        std::vector<Route> all;
        for (auto& [shape, route] : by_shape) all.push_back(route);
        std::shuffle(all.begin(), all.end(), random_);
        return all;
    }

    std::string path() {
        std::string made;
        for (std::size_t depth = 1 + random_() % 4; depth > 0; --depth)
            made += "/" + pick({"a", "b", "1", "1.5", "2", ""});
        return made;
    }

private:
    std::mt19937 random_;
};

TEST(RouterPrecedence, AgreesWithTheOracle) {
    constexpr unsigned seed = 20'260'101;
    Tables tables{seed};
    std::size_t matched = 0;
    for (int table = 0; table < 2000; ++table) {
        const auto routes = tables.routes();
        Router router;
        std::string shown = "seed " + std::to_string(seed) + ":";
        for (std::size_t i = 0; i < routes.size(); ++i) {
            shown += " " + routes[i].method + " " + routes[i].pattern;
            ASSERT_EQ(error_text(router.add(routes[i].method, routes[i].pattern, i)), "") << shown;
        }
        for (int turn = 0; turn < 20; ++turn) {
            const std::string path = tables.path();
            std::optional<std::pair<std::vector<int>, std::size_t>> best;
            bool other_method = false;
            for (std::size_t i = 0; i < routes.size(); ++i) {
                const auto found = ranks(routes[i].pattern, path);
                if (!found) continue;
                if (routes[i].method != "GET")
                    other_method = true;
                else if (!best || *found < best->first)
                    best.emplace(*found, i);
            }
            const Match match = router.match("GET", path);
            const MatchKind expected = best           ? MatchKind::matched
                                       : other_method ? MatchKind::wrong_method
                                                      : MatchKind::not_found;
            ASSERT_EQ(match.kind, expected) << shown << " asked for " << path;
            if (best) {
                ASSERT_EQ(match.route, best->second) << shown << " asked for " << path;
            }
            matched += best ? 1 : 0;
        }
    }
    EXPECT_GT(matched, 1000U);
}

}  // namespace
}  // namespace proapi::http
