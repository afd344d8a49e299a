// Feeds payloads to the decoder of permessage-deflate, with and without a takeover of the window. The input: messages,
// separated by "|\n"; at its end the number of octets that the decoder may write at once.
// Oracle: zlib, given each message in one piece with the octets that end it, reads the same; however a payload is cut
// and however little room there is, the result is the same.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>

#include "target.hpp"
#include "ws/inflater.hpp"

namespace proapi::fuzz {
namespace {

constexpr std::size_t max_message_bytes = 1 << 20;

// Returns the message; nullopt if the payload is invalid, or the message too large.
std::optional<std::string> decode(ws::MessageDecoder& decoder, const std::vector<std::string_view>& pieces,
                                  std::size_t room_bytes) {
    std::string message;
    std::vector<std::uint8_t> room(room_bytes);
    const auto take = [&](const ws::Decoded& decoded) {
        check(decoded.written <= room.size(), "a decoder writes into its room");
        check(decoded.status != ws::DecodeStatus::need_room || decoded.written == room.size(), "the room was used");
        message += base::as_text(base::Bytes(room).first(decoded.written));
        return decoded.status;
    };
    for (const std::string_view piece : pieces) {
        Block block(piece);
        base::Bytes rest = block.bytes();
        ws::DecodeStatus status = ws::DecodeStatus::need_room;
        while (status == ws::DecodeStatus::need_room) {
            const ws::Decoded decoded = decoder.decode(rest, room);
            check(decoded.taken <= rest.size(), "a decoder takes what it was given");
            rest = rest.subspan(decoded.taken);
            status = take(decoded);
            if (message.size() > max_message_bytes) return std::nullopt;
        }
        if (status == ws::DecodeStatus::invalid) return std::nullopt;
        check(rest.empty(), "a decoder that needs no room has taken everything");
    }
    ws::DecodeStatus status = ws::DecodeStatus::need_room;
    while (status == ws::DecodeStatus::need_room) status = take(decoder.finish(room));
    return status == ws::DecodeStatus::done ? std::optional(std::move(message)) : std::nullopt;
}

// Returns what zlib makes of a payload without final blocks; nullopt if it is invalid or has one.
std::optional<std::string> inflate_by_zlib(std::string_view payload) {
    std::string octets(payload);
    octets.append("\0\0\xff\xff", 4);
    z_stream stream{};
    check(::inflateInit2(&stream, -15) == Z_OK, "zlib has memory");
    stream.next_in = reinterpret_cast<Bytef*>(octets.data());
    stream.avail_in = static_cast<uInt>(octets.size());
    std::string message;
    std::array<char, 4096> room;
    int result = Z_OK;
    do {
        stream.next_out = reinterpret_cast<Bytef*>(room.data());
        stream.avail_out = room.size();
        result = ::inflate(&stream, Z_SYNC_FLUSH);
        message.append(room.data(), room.size() - stream.avail_out);
    } while (result == Z_OK && stream.avail_out == 0 && message.size() <= max_message_bytes);
    const bool is_whole = (result == Z_OK || result == Z_BUF_ERROR) && (stream.data_type & 128) != 0;
    ::inflateEnd(&stream);
    return is_whole && message.size() <= max_message_bytes ? std::optional(std::move(message)) : std::nullopt;
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ws_inflate) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const bool takeover = (input.take_octet() & 1) != 0;
    const std::size_t room_bytes = input.take_octet() + std::size_t{1};
    const std::vector<std::size_t> cuts = input.take_cuts();
    const auto whole = ws::make_inflater({.takeover = takeover}), in_pieces = ws::make_inflater({.takeover = takeover});
    bool is_first = true;
    for (std::string_view rest = input.rest(); !rest.empty(); is_first = false) {
        const std::string_view payload = rest.substr(0, rest.find("|\n"));
        rest.remove_prefix(std::min(payload.size() + 2, rest.size()));
        std::vector<std::size_t> places = cuts;
        for (std::size_t& place : places) place = std::min(place, payload.size());
        const auto message = decode(*whole, {payload}, 4096);
        const auto same = decode(*in_pieces, cut(payload, places), room_bytes);
        check(message == same, "cut anywhere, a payload is the same message", payload);
        if (is_first || !takeover) {
            const auto expected = inflate_by_zlib(payload);
            if (expected) check(message == expected, "zlib reads the same message", payload);
        }
        if (!message) return;
    }
}
