// The vectors of contract/http, and the cuts that each of them is replayed with. The format is described in
// contract/README.md.
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

// The array of vectors in contract/http/<file>; throws where it cannot be read.
[[nodiscard]] Json load(const std::string& file);

// Those of decoding.json for that function; throws if there is none.
[[nodiscard]] Json decoding(std::string_view function);

// As patterns.json and routes.json call it.
[[nodiscard]] std::string_view name_of(Converter converter);

// The octets a string of the vectors stands for, pieces put together.
[[nodiscard]] std::string octets(const Json& text);

// A list of pairs of strings.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pairs(const Json& list);

// Where to cut `size_bytes` octets in two: everywhere, and for very long ones near the ends and at 500 places between.
[[nodiscard]] std::vector<std::size_t> cuts(std::size_t size_bytes);

// Octets as a failure message can show them: printable, and cut short in the middle.
[[nodiscard]] std::string shown(std::string_view text);

// Feeds `text` to anything with feed() and state(), in two or in many pieces, as a socket might; gives how much it
// took.
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
