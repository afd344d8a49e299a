// Checks whether octets are UTF-8 (RFC 3629 section 4): whole texts, or texts that arrive in pieces. simdjson checks
// the bulk; an automaton checks the ends of pieces. So the first octet that can't be part of any text is reported when
// it arrives, even inside a sequence (F4 90 fails at 90).
//
//   lead 00..7F: alone       E0: A0..BF, cont        F0: 90..BF, cont, cont
//   lead C2..DF: cont        E1..EC, EE, EF: cont x2 F1..F3: cont x3
//   cont 80..BF              ED: 80..9F, cont        F4: 80..8F, cont, cont     anything else fails
#pragma once

#include "base/bytes.hpp"

namespace proapi::base {

[[nodiscard]] bool is_valid_utf8(Bytes text) noexcept;

class Utf8Validator {
public:
    // Checks the next piece. Returns false from the first bad octet on, until reset().
    [[nodiscard]] bool feed(Bytes piece) noexcept;
    // Whether the octets so far are valid and end between two characters.
    [[nodiscard]] bool is_complete() const noexcept { return !failed_ && missing_ == 0; }
    [[nodiscard]] bool has_failed() const noexcept { return failed_; }
    // The number of octets before the bad one; of all octets if none is bad.
    [[nodiscard]] std::uint64_t accepted_octets() const noexcept { return accepted_; }
    void reset() noexcept { *this = Utf8Validator{}; }

private:
    bool step(std::uint8_t octet) noexcept;
    bool start_sequence(std::uint8_t lead) noexcept;
    bool walk(Bytes piece) noexcept;

    std::uint64_t accepted_ = 0;
    std::uint8_t missing_ = 0;               // continuation octets still expected
    std::uint8_t low_ = 0x80, high_ = 0xBF;  // the range of the next of them
    bool failed_ = false;
};

}  // namespace proapi::base
