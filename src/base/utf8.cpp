// UTF-8 as defined in RFC 3629 section 4. Must not know where a text comes from, or how its sender is treated if it is
// invalid.
#include "base/utf8.hpp"

#include <simdjson.h>

#include <cstring>

namespace proapi::base {
namespace {

// Below this size a call of a vector kernel costs more than the automaton.
constexpr std::size_t bulk_from_octets = 32;
constexpr std::size_t short_text_octets = 64;

bool is_ascii(Bytes text) noexcept {
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        seen |= word;
    }
    for (; at < text.size(); ++at) seen |= text[at];
    return (seen & 0x8080808080808080U) == 0;
}

bool bulk_is_valid(Bytes text) noexcept {
    return simdjson::validate_utf8(reinterpret_cast<const char*>(text.data()), text.size());
}

// Returns the number of octets of a sequence that begins with `lead`; 1 if `lead` begins no sequence.
std::size_t sequence_octets(std::uint8_t lead) noexcept {
    if (lead >= 0xF0) return 4;
    if (lead >= 0xE0) return 3;
    if (lead >= 0xC0) return 2;
    return 1;
}

// Returns how many octets at the end begin a sequence that continues after `text`.
std::size_t unfinished_tail_octets(Bytes text) noexcept {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        const std::uint8_t octet = text[text.size() - back];
        if ((octet & 0xC0) == 0x80) continue;
        return sequence_octets(octet) > back ? back : 0;
    }
    return 0;
}

}  // namespace

bool is_valid_utf8(Bytes text) noexcept {
    // Most messages are short and ASCII.
    if (text.size() <= short_text_octets && is_ascii(text)) return true;
    return bulk_is_valid(text);
}

bool Utf8Validator::start_sequence(std::uint8_t lead) noexcept {
    if (lead < 0x80) return true;
    if (lead < 0xC2 || lead > 0xF4) return false;
    missing_ = static_cast<std::uint8_t>(sequence_octets(lead) - 1);
    // RFC 3629 section 4: the second octet excludes overlong forms, surrogates and values beyond U+10FFFF.
    if (lead == 0xE0) low_ = 0xA0;
    if (lead == 0xED) high_ = 0x9F;
    if (lead == 0xF0) low_ = 0x90;
    if (lead == 0xF4) high_ = 0x8F;
    return true;
}

bool Utf8Validator::step(std::uint8_t octet) noexcept {
    if (missing_ == 0) return start_sequence(octet);
    if (octet < low_ || octet > high_) return false;
    --missing_;
    low_ = 0x80;
    high_ = 0xBF;
    return true;
}

bool Utf8Validator::walk(Bytes piece) noexcept {
    for (const std::uint8_t octet : piece) {
        if (!step(octet)) {
            failed_ = true;
            return false;
        }
        ++accepted_;
    }
    return true;
}

bool Utf8Validator::feed(Bytes piece) noexcept {
    if (failed_) return false;
    while (missing_ > 0 && !piece.empty()) {
        if (!walk(piece.first(1))) return false;
        piece = piece.subspan(1);
    }
    if (piece.size() < bulk_from_octets) return walk(piece);
    const Bytes bulk = piece.first(piece.size() - unfinished_tail_octets(piece));
    // The automaton then finds the bad octet; that happens at most once per text.
    if (!bulk_is_valid(bulk)) return walk(piece);
    accepted_ += bulk.size();
    return walk(piece.subspan(bulk.size()));
}

}  // namespace proapi::base
