// permessage-deflate (RFC 7692): an extension that compresses the payloads of messages.
#pragma once

#include <cstdint>

#include "base/compression_memory.hpp"
#include "ws/deflate_parameters.hpp"
#include "ws/extension.hpp"

namespace proapi::ws {

class PermessageDeflate final : public Extension {
public:
    struct Options {
        // What this end chooses for both directions, unless the peer asks for less.
        DeflateContext context;
        std::uint64_t threshold_bytes = 1024;  // shorter messages are sent as they are
        // Outlives the connections. If too little is left for a takeover, a server accepts without one, and a client
        // fails the connection. Null: no bound.
        base::CompressionMemory* memory = nullptr;
    };
    explicit PermessageDeflate(const Options& options) noexcept : options_(options) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "permessage-deflate"; }
    [[nodiscard]] std::string offer() const override;
    [[nodiscard]] std::optional<Agreement> accept(std::span<const ExtensionParameter> offered) const override;
    [[nodiscard]] std::optional<Agreement> confirm(std::span<const ExtensionParameter> answered) const override;

private:
    [[nodiscard]] DeflateParameters make_offer() const noexcept;
    // Returns nullopt if too little memory is left.
    [[nodiscard]] std::optional<Agreement> make_agreement(const DeflateAgreement& agreed, const DeflateContext& own,
                                                          const DeflateContext& peer) const;

    const Options options_;
};

}  // namespace proapi::ws
