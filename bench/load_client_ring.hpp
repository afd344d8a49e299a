// What load_client sends and expects back: WebSocket frames (RFC 6455 section 5.2) that are made once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

constexpr std::size_t small_text_bytes = 20;
constexpr std::string_view reply_prefix = "Echo: ";
constexpr std::size_t max_ring_messages = 128, min_ring_messages = 4, ring_text_bytes = 4 << 20;

// The frames to send and the expected replies, each twice in a row, so that any range of up to one ring's length is
// contiguous. The messages are numbered, so that a lost or swapped reply is noticed.
struct Ring {
    std::size_t messages, frame_bytes, reply_bytes;
    std::string frames, replies;

    explicit Ring(std::size_t text_bytes)
        : messages(std::clamp(ring_text_bytes / text_bytes, min_ring_messages, max_ring_messages)) {
        for (std::size_t i = 0; i < 2 * messages; ++i) add(i % messages, text_bytes);
        frame_bytes = frames.size() / (2 * messages);
        reply_bytes = replies.size() / (2 * messages);
    }

    void add(std::size_t number, std::size_t text_bytes) {
        std::array<char, small_text_bytes + 1> begin{};
        std::snprintf(begin.data(), begin.size(), "twenty octets of %03u", static_cast<unsigned>(number % 1000));
        std::string text(begin.data(), small_text_bytes);
        while (text.size() < text_bytes) text += static_cast<char>(' ' + (text.size() * 7 + number) % 95);
        const std::uint32_t mask = 0x9E3779B9U * static_cast<std::uint32_t>(number + 1);
        std::array<char, 4> key{};
        std::memcpy(key.data(), &mask, key.size());
        add_head(frames, text_bytes, true);
        frames.append(key.data(), key.size());
        for (std::size_t i = 0; i < text_bytes; ++i) frames += static_cast<char>(text[i] ^ key[i % 4]);
        add_head(replies, reply_prefix.size() + text_bytes, false);
        replies += reply_prefix;
        replies += text;
    }

    // RFC 6455, 5.2
    static void add_head(std::string& out, std::size_t length, bool is_masked) {
        const unsigned mask_bit = is_masked ? 0x80U : 0U;
        const std::size_t length_octets = length < 126 ? 0 : length < 65536 ? 2 : 8;
        out += '\x81';
        out += static_cast<char>(mask_bit | (length_octets == 0 ? length : length_octets == 2 ? 126 : 127));
        for (std::size_t i = length_octets; i-- > 0;) out += static_cast<char>(length >> (8 * i));
    }
};
