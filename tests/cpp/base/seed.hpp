// The random source of a test. Each run uses another seed, which is printed; PROAPI_TEST_SEED=<seed> repeats a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace proapi::tests {

class Random {
public:
    Random() {
        const char* wanted = std::getenv("PROAPI_TEST_SEED");
        seed_ = wanted ? std::strtoull(wanted, nullptr, 10) : std::random_device{}();
        engine_.seed(seed_);
        std::cout << "PROAPI_TEST_SEED=" << seed_ << '\n';
    }

    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    // Returns a number from `low` to `high`, both included.
    std::size_t between(std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>{low, high}(engine_);
    }
    std::uint8_t octet() { return static_cast<std::uint8_t>(between(0, 255)); }
    std::vector<std::uint8_t> octets(std::size_t count) {
        std::vector<std::uint8_t> result(count);
        for (std::uint8_t& value : result) value = octet();
        return result;
    }

private:
    std::uint64_t seed_ = 0;
    std::mt19937_64 engine_;
};

inline std::string to_hex(const std::vector<std::uint8_t>& octets) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t octet : octets) {
        text += digits[octet >> 4];
        text += digits[octet & 15];
    }
    return text;
}

}  // namespace proapi::tests
