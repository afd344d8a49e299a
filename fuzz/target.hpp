// Code shared by all fuzz targets: splitting the input, blocks of exact size, and checks that abort.
//
//   octets of one input:  text, read from the front  |  numbers and cuts, read from the end
//
// A target is one file with one PROAPI_FUZZ_TARGET(name) { ... }, whose body has a parameter `Input input`. By default
// it builds as a libFuzzer program. With PROAPI_FUZZ_REPLAY all targets are one program, and replay.cpp finds them by
// name.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : text_(base::as_text({data, size})) {}

    // Takes the octets up to the next `end` off the front. The result does not contain `end`.
    std::string_view take_line(char end = '\n') {
        const std::string_view line = text_.substr(0, text_.find(end));
        text_.remove_prefix(std::min(line.size() + 1, text_.size()));
        return line;
    }
    // Takes a little-endian number off the end. Missing octets count as 0.
    template <std::unsigned_integral Number>
    Number take_number() {
        Number number = 0;
        for (std::size_t i = 0; i < sizeof number && !text_.empty(); ++i) {
            number = static_cast<Number>(
                number | static_cast<Number>(Number{static_cast<std::uint8_t>(text_.back())} << (8 * i)));
            text_.remove_suffix(1);
        }
        return number;
    }
    std::uint8_t take_octet() { return take_number<std::uint8_t>(); }
    // Takes the places to cut rest() off the end: at most seven, in rising order. Call it last.
    std::vector<std::size_t> take_cuts() {
        std::vector<std::size_t> cuts(take_octet() % 8);
        for (std::size_t& cut : cuts) cut = take_number<std::uint16_t>();
        for (std::size_t& cut : cuts) cut %= text_.size() + 1;
        std::sort(cuts.begin(), cuts.end());
        return cuts;
    }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return text_; }

private:
    std::string_view text_;
};

// A copy in a heap block of exactly its size, so that AddressSanitizer detects every read past its end.
class Block {
public:
    explicit Block(std::string_view text) : octets_(new std::uint8_t[text.size()]), size_(text.size()) {
        std::copy(text.begin(), text.end(), octets_.get());
    }
    [[nodiscard]] base::MutableBytes bytes() noexcept { return {octets_.get(), size_}; }
    [[nodiscard]] std::string_view text() const noexcept { return base::as_text({octets_.get(), size_}); }

private:
    std::unique_ptr<std::uint8_t[]> octets_;
    std::size_t size_;
};

// Returns `text` cut at `cuts`, which are in rising order.
[[nodiscard]] inline std::vector<std::string_view> cut(std::string_view text, const std::vector<std::size_t>& cuts) {
    std::vector<std::string_view> pieces;
    std::size_t begin = 0;
    for (const std::size_t end : cuts) {
        pieces.push_back(text.substr(begin, end - begin));
        begin = end;
    }
    pieces.push_back(text.substr(begin));
    return pieces;
}
// Returns the single octets of `text`.
[[nodiscard]] inline std::vector<std::string_view> cut_everywhere(std::string_view text) {
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
    return pieces;
}

// Returns `text` with everything but printable ASCII, and the backslash, written as \xHH.
[[nodiscard]] inline std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        char escaped[5];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", unsigned{octet});
        out += octet >= 0x20 && octet < 0x7f && c != '\\' ? std::string(1, c) : std::string(escaped);
    }
    return out;
}

// Aborts unless `holds`. `rule` says what must hold, `about` is the input in question.
inline void check(bool holds, const char* rule, std::string_view about = {}) {
    if (holds) return;
    std::fprintf(stderr, "broken rule: %s\n", rule);
    if (!about.empty()) std::fprintf(stderr, "about: %s\n", shown(about).c_str());
    std::abort();
}
inline void check_equal(std::string_view got, std::string_view expected, const char* rule) {
    if (got == expected) return;
    std::fprintf(stderr, "broken rule: %s\nexpected: %s\ngot:      %s\n", rule, shown(expected).c_str(),
                 shown(got).c_str());
    std::abort();
}

using Run = void (*)(Input input);
struct Target {
    std::string_view name;
    Run run;
};
// The targets of this program.
[[nodiscard]] inline std::vector<Target>& targets() {
    static std::vector<Target> all;
    return all;
}

}  // namespace proapi::fuzz

#ifdef PROAPI_FUZZ_REPLAY
#define PROAPI_FUZZ_TARGET(name)                                    \
    static void name##_target(proapi::fuzz::Input input);           \
    [[maybe_unused]] static const auto& name##_registered =         \
        proapi::fuzz::targets().emplace_back(#name, name##_target); \
    static void name##_target([[maybe_unused]] proapi::fuzz::Input input)
#else
#define PROAPI_FUZZ_TARGET(name)                                                        \
    static void name##_target(proapi::fuzz::Input input);                               \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
        name##_target(proapi::fuzz::Input(data, size));                                 \
        return 0;                                                                       \
    }                                                                                   \
    static void name##_target([[maybe_unused]] proapi::fuzz::Input input)
#endif
