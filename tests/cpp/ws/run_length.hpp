// An extension for tests, "x-test-runs". A message is encoded as runs of the same octet and marked by RSV1. A run has
// three octets: its length in two (network order, never 0), and the octet. So, as with permessage-deflate, a few octets
// stand for many, a decoder holds octets back at any cut, and some payloads are invalid.
//
// Its parameters: "longest=N", in the offer and in the answer, is the longest run that the server may send. "short", in
// the offer, makes the server answer that it sends messages of less than 8 octets unencoded.
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

    std::vector<std::uint8_t> partial_;  // the beginning of the next run, less than three octets
    std::size_t run_left_ = 0;           // written when the next run or the end arrives
    std::uint8_t run_octet_ = 0;
};

class RunLengthEncoder final : public ws::MessageEncoder {
public:
    RunLengthEncoder(std::size_t longest, std::size_t shortest_message)
        : longest_(longest), shortest_message_(shortest_message) {}
    [[nodiscard]] std::optional<ws::EncodedMessage> encode(ws::Opcode opcode, base::Bytes message) override;

private:
    std::size_t longest_, shortest_message_;
    std::vector<std::uint8_t> payload_;
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
