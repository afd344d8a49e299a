#include "ws/permessage_deflate.hpp"

#include <optional>
#include <utility>

#include "ws/deflater.hpp"
#include "ws/inflater.hpp"

namespace proapi::ws {
namespace {

[[nodiscard]] std::optional<base::MemoryReservation> reserve(base::CompressionMemory* memory,
                                                             std::uint64_t bytes) noexcept {
    return memory && bytes > 0 ? memory->reserve(bytes) : std::optional<base::MemoryReservation>(std::in_place);
}

}  // namespace

DeflateParameters PermessageDeflate::make_offer() const noexcept {
    const DeflateContext& context = options_.context;
    DeflateParameters offer;
    offer.server_no_context_takeover = offer.client_no_context_takeover = !context.takeover;
    if (context.window_bits < max_window_bits)
        offer.server_max_window_bits = offer.client_max_window_bits = context.window_bits;
    offer.accepts_client_window = true;
    return offer;
}

std::string PermessageDeflate::offer() const {
    return write_deflate_parameters(make_offer());
}

std::optional<Extension::Agreement> PermessageDeflate::accept(std::span<const ExtensionParameter> offered) const {
    const auto offer = read_deflate_parameters(offered, DeflateSide::offer);
    if (!offer) return std::nullopt;
    const DeflateAgreement agreed = accept_deflate_offer(*offer, options_.context);
    if (auto agreement = make_agreement(agreed, agreed.server, agreed.client)) return agreement;
    const DeflateAgreement smaller = accept_deflate_offer(*offer, {.takeover = false});
    return make_agreement(smaller, smaller.server, smaller.client);
}

std::optional<Extension::Agreement> PermessageDeflate::confirm(std::span<const ExtensionParameter> answered) const {
    const auto answer = read_deflate_parameters(answered, DeflateSide::answer);
    if (!answer) return std::nullopt;
    const auto agreed = confirm_deflate_answer(*answer, make_offer());
    if (!agreed) return std::nullopt;
    return make_agreement(*agreed, agreed->client, agreed->server);
}

std::optional<Extension::Agreement> PermessageDeflate::make_agreement(const DeflateAgreement& agreed,
                                                                      const DeflateContext& own,
                                                                      const DeflateContext& peer) const {
    auto for_encoder = reserve(options_.memory, deflater_memory(own)),
         for_decoder = reserve(options_.memory, inflater_memory(peer));
    if (!for_encoder || !for_decoder) return std::nullopt;
    return Agreement{write_deflate_parameters(agreed.answer),
                     make_deflater(own, options_.threshold_bytes, std::move(*for_encoder)),
                     make_inflater(peer, std::move(*for_decoder))};
}

}  // namespace proapi::ws
