#include "ws/deflate_parameters.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace proapi::ws {
namespace {

constexpr std::string_view server_takeover_name = "server_no_context_takeover",
                           client_takeover_name = "client_no_context_takeover",
                           server_window_name = "server_max_window_bits", client_window_name = "client_max_window_bits";

// Sections 7.1.2.1 and 7.1.2.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
std::optional<std::uint8_t> read_window_bits(std::string_view text) {
    std::uint8_t bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size() || text.front() == '0') return std::nullopt;
    return bits >= min_window_bits && bits <= max_window_bits ? std::optional(bits) : std::nullopt;
}

bool read_flag(const ExtensionParameter& parameter, bool& flag) {
    if (parameter.value) return false;
    return !std::exchange(flag, true);  // section 7.1: no parameter twice
}

bool read_server_window(const ExtensionParameter& parameter, DeflateParameters& out) {
    if (!parameter.value || out.server_max_window_bits) return false;
    out.server_max_window_bits = read_window_bits(*parameter.value);
    return out.server_max_window_bits.has_value();
}

bool read_client_window(const ExtensionParameter& parameter, DeflateSide side, DeflateParameters& out) {
    if (std::exchange(out.accepts_client_window, true)) return false;
    if (!parameter.value) return side == DeflateSide::offer;
    out.client_max_window_bits = read_window_bits(*parameter.value);
    return out.client_max_window_bits.has_value();
}

bool read_parameter(const ExtensionParameter& parameter, DeflateSide side, DeflateParameters& out) {
    if (parameter.name == server_takeover_name) return read_flag(parameter, out.server_no_context_takeover);
    if (parameter.name == client_takeover_name) return read_flag(parameter, out.client_no_context_takeover);
    if (parameter.name == server_window_name) return read_server_window(parameter, out);
    return parameter.name == client_window_name && read_client_window(parameter, side, out);
}

void append_window(std::string& text, std::string_view name, const std::optional<std::uint8_t>& bits) {
    if (bits) text.append("; ").append(name).append("=").append(std::to_string(*bits));
}

DeflateContext make_context(bool no_takeover, const std::optional<std::uint8_t>& bits) {
    return {.takeover = !no_takeover, .window_bits = bits.value_or(max_window_bits)};
}

}  // namespace

std::optional<DeflateParameters> read_deflate_parameters(std::span<const ExtensionParameter> given, DeflateSide side) {
    DeflateParameters parameters;
    for (const ExtensionParameter& parameter : given) {
        if (!read_parameter(parameter, side, parameters)) return std::nullopt;
    }
    return parameters;
}

std::string write_deflate_parameters(const DeflateParameters& parameters) {
    std::string text = "permessage-deflate";
    if (parameters.server_no_context_takeover) text.append("; ").append(server_takeover_name);
    if (parameters.client_no_context_takeover) text.append("; ").append(client_takeover_name);
    append_window(text, server_window_name, parameters.server_max_window_bits);
    append_window(text, client_window_name, parameters.client_max_window_bits);
    if (parameters.accepts_client_window && !parameters.client_max_window_bits)
        text.append("; ").append(client_window_name);
    return text;
}

DeflateAgreement accept_deflate_offer(const DeflateParameters& offer, const DeflateContext& wanted) {
    DeflateParameters answer;
    // zlib has no compressor with a window of 2^8 octets, so there is no takeover then.
    answer.server_no_context_takeover =
        offer.server_no_context_takeover || !wanted.takeover || offer.server_max_window_bits == min_window_bits;
    // Section 7.1.1.2: the answer may ask for it even if the offer does not mention it.
    answer.client_no_context_takeover = offer.client_no_context_takeover || !wanted.takeover;
    // Section 7.1.2.1: what the client asks for must be confirmed; a smaller window of this end's own needs no words.
    const std::uint8_t server_bits =
        std::min(offer.server_max_window_bits.value_or(max_window_bits), wanted.window_bits);
    if (offer.server_max_window_bits) answer.server_max_window_bits = server_bits;
    // Section 7.1.2.2: only if the client knows the parameter. A client that names a value keeps to it in any case.
    const std::uint8_t hint = offer.client_max_window_bits.value_or(max_window_bits);
    std::uint8_t client_bits = hint;
    if (offer.accepts_client_window) {
        client_bits = std::min(hint, wanted.window_bits);
        answer.accepts_client_window = client_bits < max_window_bits;
        if (answer.accepts_client_window) answer.client_max_window_bits = client_bits;
    }
    return DeflateAgreement{answer,
                            {.takeover = !answer.server_no_context_takeover, .window_bits = server_bits},
                            {.takeover = !answer.client_no_context_takeover, .window_bits = client_bits}};
}

std::optional<DeflateAgreement> confirm_deflate_answer(const DeflateParameters& answer,
                                                       const DeflateParameters& offer) {
    // Section 7.1.1.1: a server that accepts the offer confirms it. 7.1.2.1: with the same or a smaller window.
    if (offer.server_no_context_takeover && !answer.server_no_context_takeover) return std::nullopt;
    if (offer.server_max_window_bits &&
        (!answer.server_max_window_bits || *answer.server_max_window_bits > *offer.server_max_window_bits))
        return std::nullopt;
    // Section 7.1.2.2: only in answer to an offer that has it.
    if (answer.client_max_window_bits && !offer.accepts_client_window) return std::nullopt;
    const std::uint8_t hint = offer.client_max_window_bits.value_or(max_window_bits);
    DeflateContext client = make_context(answer.client_no_context_takeover || offer.client_no_context_takeover,
                                         answer.client_max_window_bits.value_or(hint));
    if (client.window_bits > hint) return std::nullopt;
    return DeflateAgreement{answer, make_context(answer.server_no_context_takeover, answer.server_max_window_bits),
                            client};
}

}  // namespace proapi::ws
