// Reads contract/http: JSON whose strings represent octets, one character up to U+00FF per octet.
#include "vectors.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace proapi::http::vectors {
namespace {

// A larger vector is cut at this many of its first and last octets, and at this many places between them. With
// sanitizers, which use debug builds, a cut takes ten times as long.
#ifdef NDEBUG
constexpr std::size_t cut_everywhere_bytes = 20'000, end_cuts = 100, places_between = 500;
#else
constexpr std::size_t cut_everywhere_bytes = 2'000, end_cuts = 30, places_between = 50;
#endif

std::string latin1(std::string_view utf8) {
    std::string octets;
    octets.reserve(utf8.size());
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto first = static_cast<unsigned char>(utf8[i]);
        if (first < 0x80) {
            octets.push_back(utf8[i]);
            continue;
        }
        if (first > 0xc3) throw std::runtime_error("a vector has a character beyond U+00FF");
        const auto second = static_cast<unsigned char>(utf8.at(++i));
        octets.push_back(static_cast<char>((first & 3) << 6 | (second & 0x3f)));
    }
    return octets;
}

}  // namespace

Json load(const std::string& file) {
    std::ifstream stream{std::string{PROAPI_CONTRACT_DIR} + "/http/" + file};
    if (!stream) throw std::runtime_error("cannot open contract/http/" + file);
    return Json::parse(stream);
}

Json decoding(std::string_view function) {
    Json found = Json::array();
    for (const Json& vector : load("decoding.json"))
        if (vector.at("function") == function) found.push_back(vector);
    if (found.empty()) throw std::runtime_error("decoding.json has no vector of " + std::string{function});
    return found;
}

std::string_view name_of(Converter converter) {
    switch (converter) {
        case Converter::text:
            return "text";
        case Converter::integer:
            return "integer";
        case Converter::floating:
            return "floating";
        case Converter::uuid:
            return "uuid";
        case Converter::path:
            return "path";
    }
    return "?";
}

std::string octets(const Json& text) {
    if (text.is_string()) return latin1(text.get_ref<const std::string&>());
    if (text.is_object()) {
        const std::string piece = octets(text.at("repeat"));
        std::string all;
        for (auto times = text.at("times").get<std::size_t>(); times > 0; --times) all += piece;
        return all;
    }
    std::string all;
    for (const Json& piece : text) all += octets(piece);
    return all;
}

std::vector<std::pair<std::string, std::string>> pairs(const Json& list) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const Json& pair : list) all.emplace_back(octets(pair.at(0)), octets(pair.at(1)));
    return all;
}

std::vector<std::size_t> cuts(std::size_t size_bytes) {
    const std::size_t step = size_bytes <= cut_everywhere_bytes ? 1 : size_bytes / places_between;
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at <= size_bytes;) {
        places.push_back(at);
        const bool is_between = at >= end_cuts && at + end_cuts < size_bytes;
        at = is_between ? std::min(at + step, size_bytes - end_cuts) : at + 1;
    }
    return places;
}

std::string shown(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 200 && text.size() > 400) {
            out += "[...]";
            i = text.size() - 200;
        }
        const auto octet = static_cast<unsigned char>(text[i]);
        if (octet >= 0x20 && octet < 0x7f) {
            out.push_back(text[i]);
        } else {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\x%02x", octet);
            out += escape.data();
        }
    }
    return out;
}

}  // namespace proapi::http::vectors
