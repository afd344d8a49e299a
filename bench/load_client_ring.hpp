// What load_client sends and expects back: WebSocket frames (RFC 6455 section 5.2) that are made once. Texts that are
// to be compressed are JSON; the others are not worth compressing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "load_client_deflate.hpp"
#include "load_client_json.hpp"

constexpr std::size_t small_text_bytes = 20;
constexpr std::string_view reply_prefix = "Echo: ";
constexpr std::size_t max_ring_messages = 128, min_ring_messages = 4, ring_text_bytes = 4 << 20;
constexpr std::size_t deflated_ring_messages = 32;  // compressing more would take longer than the measurement

// The frames to send and the expected replies, each twice in a row, so that any range of up to one ring's length is
// contiguous. The messages are numbered, so that a lost or swapped reply is noticed.
struct Ring {
    std::size_t messages;
    std::string frames;
    std::vector<std::size_t> frame_at{0};  // where each frame begins, and where the last one ends

    // Without compression: the octets of the replies.
    std::string replies;
    std::size_t reply_bytes = 0;  // of one; with compression none is larger

    // With compression: the texts of the replies. Their octets depend on the server.
    std::vector<std::string> reply_texts;

    // With compression, `text_bytes` is the size of a reply's text, and that of the message is smaller.
    Ring(std::size_t text_bytes, bool is_deflated)
        : messages(is_deflated ? deflated_ring_messages
                               : std::clamp(ring_text_bytes / text_bytes, min_ring_messages, max_ring_messages)) {
        if (is_deflated) {
            add_deflated(text_bytes);
        } else {
            for (std::size_t i = 0; i < 2 * messages; ++i) add(i % messages, text_bytes);
            reply_bytes = replies.size() / (2 * messages);
        }
    }

    // Of all frames, once.
    [[nodiscard]] std::size_t frames_bytes() const { return frame_at[messages]; }

    // Of `count` frames, from that number on.
    [[nodiscard]] std::size_t bytes_of(std::size_t first, std::size_t count) const {
        return frame_at[first + count] - frame_at[first];
    }

    void add(std::size_t number, std::size_t text_bytes) {
        std::array<char, small_text_bytes + 1> begin{};
        std::snprintf(begin.data(), begin.size(), "twenty octets of %03u", static_cast<unsigned>(number % 1000));
        std::string text(begin.data(), small_text_bytes);
        while (text.size() < text_bytes) text += static_cast<char>(' ' + (text.size() * 7 + number) % 95);
        add_frame(number, text, text_head);
        add_head(replies, text_head, reply_prefix.size() + text_bytes, false);
        replies += reply_prefix;
        replies += text;
    }

    void add_deflated(std::size_t text_bytes) {
        Deflater deflater;
        std::vector<std::string> payloads;
        for (std::size_t i = 0; i < messages; ++i) {
            const std::string text = json_text(static_cast<std::uint32_t>(i), text_bytes - reply_prefix.size());
            payloads.push_back(deflater.deflate(text));
            reply_texts.push_back(std::string(reply_prefix) + text);
        }
        for (std::size_t i = 0; i < 2 * messages; ++i) add_frame(i % messages, payloads[i % messages], deflated_head);
        reply_bytes = max_head_bytes + text_bytes;
    }

    void add_frame(std::size_t number, std::string_view payload, char head) {
        const std::uint32_t mask = 0x9E3779B9U * static_cast<std::uint32_t>(number + 1);
        std::array<char, 4> key{};
        std::memcpy(key.data(), &mask, key.size());
        add_head(frames, head, payload.size(), true);
        frames.append(key.data(), key.size());
        for (std::size_t i = 0; i < payload.size(); ++i) frames += static_cast<char>(payload[i] ^ key[i % 4]);
        frame_at.push_back(frames.size());
    }

    // RFC 6455, 5.2
    static void add_head(std::string& out, char first, std::size_t length, bool is_masked) {
        const unsigned mask_bit = is_masked ? 0x80U : 0U;
        const std::size_t length_octets = length < 126 ? 0 : length < 65536 ? 2 : 8;
        out += first;
        out += static_cast<char>(mask_bit | (length_octets == 0 ? length : length_octets == 2 ? 126 : 127));
        for (std::size_t i = length_octets; i-- > 0;) out += static_cast<char>(length >> (8 * i));
    }
};
