// permessage-deflate (RFC 7692) for load_client, without a context takeover on either side. zlib's level 6 compresses
// what is sent, once, and each reply's text, to have a size to compare with.
//
// A server that compresses the same message again usually sends the same octets. So a reply is decompressed and
// compared with its text when it comes for the first time, and whenever it differs from the last one; otherwise
// comparing the octets is enough, and costs the client little.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

constexpr char text_head = '\x81', deflated_head = '\xC1';  // a final frame of a text; with RSV1
constexpr std::size_t max_head_bytes = 10;                  // of a frame that is not masked
constexpr std::string_view deflate_offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view deflate_tail{"\0\0\xff\xff", 4};  // RFC 7692, 7.2.1: what the sender leaves out

class Deflater {
public:
    Deflater() {
        constexpr int level = 6, window_bits = -15, memory_level = 8;
        if (::deflateInit2(&stream_, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
            throw std::bad_alloc();
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() { ::deflateEnd(&stream_); }

    // Returns the payload of a message.
    std::string deflate(std::string text) {
        ::deflateReset(&stream_);
        std::string payload(::deflateBound(&stream_, text.size()) + deflate_tail.size(), '\0');
        stream_.next_in = reinterpret_cast<Bytef*>(text.data());
        stream_.avail_in = static_cast<uInt>(text.size());
        stream_.next_out = reinterpret_cast<Bytef*>(payload.data());
        stream_.avail_out = static_cast<uInt>(payload.size());
        if (::deflate(&stream_, Z_SYNC_FLUSH) != Z_OK) throw std::runtime_error("zlib could not compress a text");
        payload.resize(stream_.total_out);
        if (!payload.ends_with(deflate_tail)) throw std::runtime_error("zlib did not end at an octet's end");
        payload.resize(payload.size() - deflate_tail.size());
        return payload;
    }

private:
    z_stream stream_{};
};

class Inflater {
public:
    Inflater() {
        if (::inflateInit2(&stream_, -15) != Z_OK) throw std::bad_alloc();
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() { ::inflateEnd(&stream_); }

    // Returns whether a message with this payload is `text`.
    bool inflates_to(std::string payload, std::string_view text) {
        ::inflateReset(&stream_);
        payload += deflate_tail;
        room_.resize(text.size() + 1);  // so that a longer text is noticed
        stream_.next_in = reinterpret_cast<Bytef*>(payload.data());
        stream_.avail_in = static_cast<uInt>(payload.size());
        stream_.next_out = reinterpret_cast<Bytef*>(room_.data());
        stream_.avail_out = static_cast<uInt>(room_.size());
        const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
        return (result == Z_OK || result == Z_STREAM_END) &&
               std::string_view(room_.data(), stream_.total_out) == text &&
               (stream_.avail_in == 0 || result == Z_STREAM_END);
    }

private:
    z_stream stream_{};
    std::string room_;
};

// The replies of a server to the messages of a ring, in their order on each connection.
class DeflatedReplies {
public:
    struct Position {
        std::size_t number = 0;  // of the next reply
        std::string partial;     // its beginning
    };

    explicit DeflatedReplies(std::vector<std::string> texts) {
        Deflater deflater;
        for (std::string& text : texts) {
            const std::size_t zlib_bytes = deflater.deflate(text).size();
            replies_.push_back({.text = std::move(text), .frame = {}, .zlib_bytes = zlib_bytes});
        }
    }

    // Checks the replies in `octets`, which continue those taken before. Returns how many are now complete.
    std::size_t take(Position& position, std::string_view octets) {
        const bool is_continued = !position.partial.empty();
        if (is_continued) octets = position.partial.append(octets);
        std::size_t whole = 0;
        while (true) {
            const Frame frame = first_frame(octets);
            if (frame.bytes == 0) break;
            check(replies_[position.number], octets.substr(0, frame.bytes), frame.head_bytes);
            position.number = (position.number + 1) % replies_.size();
            octets.remove_prefix(frame.bytes);
            ++whole;
        }
        if (is_continued || !octets.empty()) position.partial = std::string(octets);
        return whole;
    }

    // The payloads of all replies, and what zlib's level 6 would have made of them.
    [[nodiscard]] std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }
    [[nodiscard]] std::uint64_t zlib_bytes() const noexcept { return zlib_bytes_; }

private:
    struct Reply {
        std::string text;
        std::string frame;  // the last one; empty before the first
        std::size_t zlib_bytes;
    };
    struct Frame {
        std::size_t bytes = 0, head_bytes = 0;  // 0: incomplete
    };

    // RFC 6455, 5.2
    static Frame first_frame(std::string_view octets) {
        if (octets.size() < 2) return {};
        if (octets[0] != deflated_head) throw std::runtime_error("expected a compressed text in one frame");
        const auto at = [octets](std::size_t i) { return std::size_t{static_cast<unsigned char>(octets[i])}; };
        const std::size_t length_octets = at(1) < 126 ? 0 : at(1) == 126 ? 2 : 8;
        const std::size_t head_bytes = 2 + length_octets;
        if (octets.size() < head_bytes) return {};
        std::size_t length = length_octets == 0 ? at(1) : 0;
        for (std::size_t i = 2; i < head_bytes; ++i) length = length << 8 | at(i);
        if (octets.size() - head_bytes < length) return {};
        return {.bytes = head_bytes + length, .head_bytes = head_bytes};
    }

    void check(Reply& reply, std::string_view frame, std::size_t head_bytes) {
        if (frame != reply.frame) {
            if (!inflater_.inflates_to(std::string(frame.substr(head_bytes)), reply.text))
                throw std::runtime_error("a reply does not decompress to the echo of its message");
            reply.frame = frame;
        }
        payload_bytes_ += frame.size() - head_bytes;
        zlib_bytes_ += reply.zlib_bytes;
    }

    std::vector<Reply> replies_;
    Inflater inflater_;
    std::uint64_t payload_bytes_ = 0, zlib_bytes_ = 0;
};

// Returns the header's value in the head of a 101, which must say that the server compresses without a takeover.
inline std::string negotiated_deflate(std::string_view head) {
    constexpr std::string_view name = "\r\nsec-websocket-extensions:";
    std::string lower(head);
    for (char& octet : lower)
        if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet - 'A' + 'a');
    const std::size_t found = lower.find(name);
    std::string value = found == std::string::npos ? "" : lower.substr(found + name.size());
    value.resize(std::min(value.find("\r\n"), value.size()));
    value.erase(0, value.find_first_not_of(' '));
    if (!value.starts_with("permessage-deflate") || value.find("server_no_context_takeover") == std::string::npos)
        throw std::runtime_error(
            "expected permessage-deflate with server_no_context_takeover, the server's extensions are: " +
            (value.empty() ? "none" : value));
    return value;
}
