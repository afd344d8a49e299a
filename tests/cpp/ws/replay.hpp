// Plays octets into a ws::Connection under any cuts and records the result, for the vectors and for other tests. Each
// piece is in a heap block of exactly its size. The block is overwritten as soon as the machine may no longer read it,
// so that reads beyond its end or too late are detected.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "tests/cpp/base/take_all.hpp"
#include "ws/connection.hpp"
#include "ws/deflate_parameters.hpp"

namespace proapi::tests {

using Octets = std::vector<std::uint8_t>;

struct ToldEvent {
    ws::EventKind kind = ws::EventKind::need_data;
    ws::Opcode opcode = ws::Opcode::continuation;
    std::uint16_t code = 0;
    Octets payload;
    friend bool operator==(const ToldEvent&, const ToldEvent&) = default;
};
std::ostream& operator<<(std::ostream& out, const ToldEvent& event);

struct Session {
    ws::Role role = ws::Role::server;
    ws::ConnectionLimits limits;
    std::optional<std::pair<std::uint16_t, std::string>> close_first;  // sent before anything is read
    Octets input;
    std::optional<ws::DeflateContext> deflate = {};  // the peer's compressor, if permessage-deflate is negotiated
};

// How the input is handed over.
enum class Handing : std::uint8_t {
    lend,            // until need_data
    retain_between,  // retain_input() after every event, then the block is destroyed
    retain_at_once,  // retain_input() after every feed(); events are read after every third piece and at the end
};

struct Outcome {
    std::vector<ToldEvent> events;
    Octets output;
    std::optional<std::size_t> failed_at;  // octets fed when `failed` was reported
    friend bool operator==(const Outcome& a, const Outcome& b) { return a.events == b.events && a.output == b.output; }
};

// The client's masking key in tests, from RFC 6455 section 5.7.
std::uint32_t sample_masking_key();

// `cuts` are the places where the input is cut, in rising order.
Outcome replay(const Session& session, const std::vector<std::size_t>& cuts, Handing handing);

}  // namespace proapi::tests
