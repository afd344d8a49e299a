// An extension of the tests' own, "x-test-runs": a message as runs of one octet each, three octets a run (the length in
// two, network order, never 0; then the octet), marked by RSV1. So a few octets stand for many, as in
// permessage-deflate, whatever the cut a decoder has to hold something back, and not every payload is one that an
// encoder makes.
//
// Its parameters: "longest=N", of the offer and of the answer, is the longest run that the server may send; "short" has
// the server answer that it leaves messages of less than 8 octets as they are.
#pragma once

#include <string>

#include "ws/extension.hpp"

namespace proapi::tests {

class RunLengthDecoder final : public ws::MessageDecoder {
public:
    [[nodiscard]] std::uint8_t rsv_bits() const noexcept override { return ws::rsv1; }
    [[nodiscard]] ws::Decoded decode(base::Bytes payload, base::MutableBytes room) override;
    [[nodiscard]] ws::Decoded finish(base::MutableBytes room) override;

private:
    std::size_t write_run(base::MutableBytes room);

    std::vector<std::uint8_t> partial_;  // of the next run, less than three octets
    std::size_t run_left_ = 0;           // written when the next run comes, or the end
    std::uint8_t run_octet_ = 0;
};

class RunLengthEncoder final : public ws::MessageEncoder {
public:
    RunLengthEncoder(std::size_t longest, std::size_t shortest_message)
        : longest_(longest), shortest_message_(shortest_message) {}
    [[nodiscard]] std::optional<ws::EncodedMessage> encode(ws::Opcode opcode, base::Bytes message) override;

private:
    std::size_t longest_, shortest_message_;
};

class RunLengthExtension final : public ws::Extension {
public:
    explicit RunLengthExtension(std::string offer = "x-test-runs") : offer_(std::move(offer)) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "x-test-runs"; }
    [[nodiscard]] std::string offer() const override { return offer_; }
    [[nodiscard]] std::optional<Agreement> accept(std::span<const ws::ExtensionParameter> offered) const override;
    [[nodiscard]] std::optional<Agreement> confirm(std::span<const ws::ExtensionParameter> answered) const override;

private:
    std::string offer_;
};

}  // namespace proapi::tests
