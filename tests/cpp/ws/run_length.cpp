// Encodes and decodes runs of octets, and negotiates the parameters; the header describes the format.
#include "tests/cpp/ws/run_length.hpp"

#include <algorithm>
#include <charconv>

namespace proapi::tests {
namespace {

constexpr std::size_t longest_run = 65535;

struct RunLengthParameters {
    std::size_t longest = longest_run;
    bool is_short = false;
};

// Returns nothing if a parameter is unknown, repeated, or has an invalid value.
std::optional<RunLengthParameters> read_parameters(std::span<const ws::ExtensionParameter> given) {
    RunLengthParameters parameters;
    for (const auto& [name, value] : given) {
        if (name == "longest" && value && parameters.longest == longest_run) {
            const char* const end = value->data() + value->size();
            const auto [rest, error] = std::from_chars(value->data(), end, parameters.longest);
            if (error != std::errc() || rest != end || parameters.longest == 0 || parameters.longest >= longest_run)
                return std::nullopt;
        } else if (name == "short" && !value && !parameters.is_short) {
            parameters.is_short = true;
        } else {
            return std::nullopt;
        }
    }
    return parameters;
}

}  // namespace

std::size_t RunLengthDecoder::write_run(base::MutableBytes room) {
    const std::size_t count = std::min(run_left_, room.size());
    std::fill_n(room.begin(), count, run_octet_);
    run_left_ -= count;
    return count;
}

ws::Decoded RunLengthDecoder::decode(base::Bytes payload, base::MutableBytes room) {
    ws::Decoded decoded;
    while (decoded.taken < payload.size()) {
        partial_.push_back(payload[decoded.taken]);
        if (partial_.size() == 3) {
            decoded.written += write_run(room.subspan(decoded.written));
            if (run_left_ > 0) {
                partial_.pop_back();
                decoded.status = ws::DecodeStatus::need_room;
                return decoded;
            }
            run_left_ = static_cast<std::size_t>(partial_[0] << 8 | partial_[1]);
            run_octet_ = partial_[2];
            partial_.clear();
            if (run_left_ == 0) decoded.status = ws::DecodeStatus::invalid;
        }
        ++decoded.taken;
        if (decoded.status == ws::DecodeStatus::invalid) return decoded;
    }
    return decoded;
}

ws::Decoded RunLengthDecoder::finish(base::MutableBytes room) {
    ws::Decoded decoded;
    decoded.written = write_run(room);
    if (run_left_ > 0) {
        decoded.status = ws::DecodeStatus::need_room;
    } else if (!partial_.empty()) {
        decoded.status = ws::DecodeStatus::invalid;
    }
    return decoded;
}

std::optional<ws::EncodedMessage> RunLengthEncoder::encode(ws::Opcode, base::Bytes message) {
    if (message.size() < shortest_message_) return std::nullopt;
    payload_.clear();
    for (std::size_t begin = 0, end = 0; begin < message.size(); begin = end) {
        while (end < message.size() && end - begin < longest_ && message[end] == message[begin]) ++end;
        const std::size_t length = end - begin;
        payload_.insert(payload_.end(), {static_cast<std::uint8_t>(length >> 8),
                                         static_cast<std::uint8_t>(length & 0xFF), message[begin]});
    }
    return ws::EncodedMessage{payload_, ws::rsv1};
}

std::optional<ws::Extension::Agreement> RunLengthExtension::accept(
    std::span<const ws::ExtensionParameter> offered) const {
    const auto parameters = read_parameters(offered);
    if (!parameters) return std::nullopt;
    std::string answer(name());
    if (parameters->longest < longest_run) answer += "; longest=" + std::to_string(parameters->longest);
    if (parameters->is_short) answer += "; short";
    return Agreement{std::move(answer),
                     std::make_unique<RunLengthEncoder>(parameters->longest, parameters->is_short ? 8 : 0),
                     std::make_unique<RunLengthDecoder>()};
}

std::optional<ws::Extension::Agreement> RunLengthExtension::confirm(
    std::span<const ws::ExtensionParameter> answered) const {
    const auto parameters = read_parameters(answered);
    const bool is_offered = parameters && (!parameters->is_short || offer_.find("short") != std::string::npos);
    if (!is_offered) return std::nullopt;
    return Agreement{{}, std::make_unique<RunLengthEncoder>(longest_run, 0), std::make_unique<RunLengthDecoder>()};
}

}  // namespace proapi::tests
