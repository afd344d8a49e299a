// The parameters of permessage-deflate (RFC 7692 section 7.1): what an offer asks for, what an answer says, and what
// follows for both ends. Must not know how payloads are compressed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ws/extension.hpp"

namespace proapi::ws {

inline constexpr std::uint8_t min_window_bits = 8, max_window_bits = 15;

// One end's compressor: its window is 2^window_bits octets, and with a takeover messages refer to earlier ones.
struct DeflateContext {
    bool takeover = true;
    std::uint8_t window_bits = max_window_bits;
    friend bool operator==(const DeflateContext&, const DeflateContext&) = default;
};

// The parameters of one offer, or of the answer to it.
struct DeflateParameters {
    bool server_no_context_takeover = false, client_no_context_takeover = false;
    std::optional<std::uint8_t> server_max_window_bits, client_max_window_bits;
    bool accepts_client_window = false;  // client_max_window_bits is there, with or without a value

    friend bool operator==(const DeflateParameters&, const DeflateParameters&) = default;
};

// Who sends the parameters. Only an offer may have client_max_window_bits without a value.
enum class DeflateSide : std::uint8_t { offer, answer };

// Returns nullopt if a parameter is unknown, repeated, or has a value that section 7.1 does not allow: the offer is
// then declined, or the connection fails.
[[nodiscard]] std::optional<DeflateParameters> read_deflate_parameters(std::span<const ExtensionParameter> given,
                                                                       DeflateSide side);
// Returns "permessage-deflate; server_no_context_takeover", for example.
[[nodiscard]] std::string write_deflate_parameters(const DeflateParameters& parameters);

struct DeflateAgreement {
    DeflateParameters answer;
    DeflateContext server, client;
};

// Server: accepts an offer. `wanted` is what this end would choose for both directions; an offer can only ask for less.
[[nodiscard]] DeflateAgreement accept_deflate_offer(const DeflateParameters& offer, const DeflateContext& wanted);
// Client: checks the answer to its offer. Returns nullopt if the offer does not allow the answer.
[[nodiscard]] std::optional<DeflateAgreement> confirm_deflate_answer(const DeflateParameters& answer,
                                                                     const DeflateParameters& offer);

}  // namespace proapi::ws
