// JSON for load_client: trades of a market. Names repeat, ids and times increase, and prices move in small steps, as in
// the messages of a real server.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

constexpr std::size_t min_json_bytes = 256;

// Returns a JSON object of exactly `bytes` octets, the same for the same number. Its last member fills the room that is
// too small for a trade. In very large objects the seconds exceed 59, which no echo server reads.
inline std::string json_text(std::uint32_t number, std::size_t bytes) {
    if (bytes < min_json_bytes) throw std::invalid_argument("expected JSON of at least 256 octets");
    constexpr std::array<const char*, 8> symbols{"ACME",  "GLOBEX", "INITECH", "UMBRELLA",
                                                 "HOOLI", "STARK",  "WAYNE",   "TYRELL"};
    std::mt19937 random(number + 1);  // the standard defines what it returns
    const auto below = [&random](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    std::array<unsigned, symbols.size()> cents{};
    for (unsigned& price : cents) price = 5'000 + below(20'000);
    unsigned id = 48'000'000 + below(1'000), milliseconds = below(20'000);

    std::string text = R"({"type":"trades","sequence":)" + std::to_string(1'000'000 + number) + R"(,"trades":[)";
    constexpr std::string_view note = R"("note":")", end = R"("})";
    std::array<char, 192> trade{};
    while (true) {
        const unsigned symbol = below(symbols.size());
        unsigned& price = cents[symbol];
        price += below(21) - 10;
        milliseconds += below(40);
        const int size = std::snprintf(
            trade.data(), trade.size(),
            R"({"id":%u,"symbol":"%s","side":"%s","price":%u.%02u,"quantity":%u,"time":"2026-03-14T09:26:%02u.%03uZ"},)",
            id++, symbols[symbol], below(2) == 0 ? "buy" : "sell", price / 100, price % 100, 1 + below(500),
            milliseconds / 1000, milliseconds % 1000);
        if (text.size() + static_cast<std::size_t>(size) + 1 + note.size() + end.size() > bytes) break;
        text.append(trade.data(), static_cast<std::size_t>(size));
    }
    text.back() = ']';  // instead of the last comma
    text.append(",").append(note);
    while (text.size() + end.size() < bytes) text += static_cast<char>('a' + below(26));
    return text.append(end);
}
