// The vectors of contract/http, and the cuts with which each of them is replayed. contract/README.md describes the
// format.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"

namespace proapi::http::vectors {

using Json = nlohmann::json;

// Returns the array of vectors in contract/http/<file>. Throws if the file can't be read.
[[nodiscard]] Json load(const std::string& file);

// Returns the vectors of decoding.json for that function. Throws if there are none.
[[nodiscard]] Json decoding(std::string_view function);

// Returns the name that patterns.json and routes.json use.
[[nodiscard]] std::string_view name_of(Converter converter);

// Returns the octets that a string of the vectors, or a list of pieces, represents.
[[nodiscard]] std::string octets(const Json& text);

// Reads a list of pairs of strings.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pairs(const Json& list);

// Returns where to cut `size_bytes` octets in two: everywhere or, if there are many, near the ends and at some places
// between.
[[nodiscard]] std::vector<std::size_t> cuts(std::size_t size_bytes);

// Returns octets as a failure message can show them: printable, and shortened in the middle.
[[nodiscard]] std::string shown(std::string_view text);

// Feeds `text` to anything with feed() and state(), in two or in many pieces, as a socket might. Returns how many
// octets it took.
template <class Machine>
std::size_t feed_in_two(Machine& machine, std::string_view text, std::size_t cut) {
    std::size_t taken = machine.feed(base::as_bytes(text.substr(0, cut)));
    if (machine.state() == ParseState::need_data) taken += machine.feed(base::as_bytes(text.substr(cut)));
    return taken;
}

template <class Machine>
std::size_t feed_in_pieces(Machine& machine, std::string_view text, std::size_t piece_bytes) {
    std::size_t taken = 0;
    while (taken < text.size() && machine.state() == ParseState::need_data) {
        taken += machine.feed(base::as_bytes(text.substr(taken, piece_bytes)));
    }
    return taken;
}

}  // namespace proapi::http::vectors
