// Header fields: lookup in the order of arrival, and the grammar of names, values and lists (RFC 9110 section 5). It
// knows no field by name; callers interpret fields.
#include "http/headers.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "http/text.hpp"

namespace proapi::http {
namespace {

// tchar of RFC 9110 section 5.6.2.
constexpr std::array<bool, 256> token_octets = [] {
    std::array<bool, 256> table{};
    for (const char c :
         std::string_view{"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}();

// Takes the next member off the front of `rest`; it is trimmed and may be empty. A comma inside a quoted string does
// not end it.
std::string_view take_member(std::string_view& rest) noexcept {
    bool quoted = false;
    std::size_t at = 0;
    for (; at < rest.size() && (quoted || rest[at] != ','); ++at) {
        if (rest[at] == '"') quoted = !quoted;
        if (quoted && rest[at] == '\\') ++at;
    }
    at = std::min(at, rest.size());
    const std::string_view member = rest.substr(0, at);
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return trim(member);
}

}  // namespace

void Headers::add(std::string_view name, std::string_view value) {
    constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
    if (name.size() > most || value.size() > most) throw std::length_error("a header field of 4 GiB or more");
    const Sizes sizes{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())};
    const std::size_t size = fields_.size();
    fields_.resize(size + sizeof sizes + name.size() + value.size());
    char* place = fields_.data() + size;
    std::memcpy(place, &sizes, sizeof sizes);
    place = std::ranges::copy(name, place + sizeof sizes).out;
    std::ranges::copy(value, place);
}

void Headers::remove(std::string_view name) {
    Headers kept;
    for (const Header field : *this)
        if (!equals_ignoring_case(field.name, name)) kept.add(field.name, field.value);
    *this = std::move(kept);
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
    std::optional<std::string_view> last;
    for (const Header field : *this)
        if (equals_ignoring_case(field.name, name)) last = field.value;
    return last;
}

std::vector<std::string_view> Headers::getlist(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const Header field : *this)
        if (equals_ignoring_case(field.name, name)) values.push_back(field.value);
    return values;
}

std::size_t Headers::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(begin(), end(), [&](const Header& field) { return equals_ignoring_case(field.name, name); }));
}

bool Headers::has_token(std::string_view name, std::string_view token) const noexcept {
    for (const Header field : *this) {
        if (!equals_ignoring_case(field.name, name)) continue;
        for (std::string_view rest = field.value; !rest.empty();) {
            if (equals_ignoring_case(take_member(rest), token)) return true;
        }
    }
    return false;
}

void add_vary(Headers& headers, std::string_view name) {
    if (headers.has_token("vary", name) || headers.has_token("vary", "*")) return;
    std::string list;
    for (const std::string_view value : headers.getlist("vary"))
        if (!value.empty()) list.append(value).append(", ");
    list.append(name);
    headers.remove("Vary");
    headers.add("Vary", list);
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return token_octets[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) noexcept {
    if (text.empty()) return true;
    if (is_space(text.front()) || is_space(text.back())) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c == '\t' || (c >= 0x20 && c <= 0x7e); });
}

std::vector<std::string_view> split_list(std::string_view value) {
    std::vector<std::string_view> members;
    while (!value.empty()) {
        const std::string_view member = take_member(value);
        if (!member.empty()) members.push_back(member);
    }
    return members;
}

}  // namespace proapi::http
