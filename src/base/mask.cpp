// RFC 6455 section 5.3, in blocks of 64 octets (which compilers turn into vector instructions), then 8 octets, then
// single ones. Words are read and written through memcpy. Neither alignment nor byte order matters, since a payload may
// begin at any address and the key repeats every 4 octets.
#include "base/mask.hpp"

#include <cstring>

namespace proapi::base {
namespace {

constexpr std::size_t word_octets = sizeof(std::uint64_t);
constexpr std::size_t block_words = 8;

void mask_block(std::uint8_t* octets, std::uint64_t key_word) noexcept {
    std::array<std::uint64_t, block_words> words;
    std::memcpy(words.data(), octets, sizeof words);
    for (std::uint64_t& word : words) word ^= key_word;
    std::memcpy(octets, words.data(), sizeof words);
}

void mask_word(std::uint8_t* octets, std::uint64_t key_word) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, octets, word_octets);
    word ^= key_word;
    std::memcpy(octets, &word, word_octets);
}

}  // namespace

void apply_mask(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept {
    // The key, rotated to the first octet of the piece, twice in a word.
    std::array<std::uint8_t, word_octets> turned;
    for (std::size_t i = 0; i < word_octets; ++i) turned[i] = key[(offset + i) % 4];
    std::uint64_t key_word = 0;
    std::memcpy(&key_word, turned.data(), word_octets);

    std::uint8_t* octets = piece.data();
    std::size_t left = piece.size();
    for (; left >= block_words * word_octets; left -= block_words * word_octets) {
        mask_block(octets, key_word);
        octets += block_words * word_octets;
    }
    for (; left >= word_octets; left -= word_octets) {
        mask_word(octets, key_word);
        octets += word_octets;
    }
    for (std::size_t i = 0; i < left; ++i) octets[i] ^= turned[i];
}

void apply_mask_scalar(MutableBytes piece, std::array<std::uint8_t, 4> key, std::size_t offset) noexcept {
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] ^= key[(offset + i) % 4];
}

}  // namespace proapi::base
