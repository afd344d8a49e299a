// Header fields in the order of arrival: an ordered multimap with case-insensitive names (RFC 9110 section 5).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/text.hpp"

namespace proapi::http {

struct Header {
    std::string_view name;
    std::string_view value;
    friend bool operator==(const Header&, const Header&) = default;
};

// All fields are stored in one block of octets, so that the fields of a whole head need one allocation, and a
// connection that keeps them for hours pays for little more than their text:
//
//   | size of name, 4 octets | size of value, 4 octets | name | value |  next field ...
//
// Views into the block live until the next change.
class Headers {
public:
    class Iterator;

    Headers() = default;
    Headers(std::initializer_list<Header> fields) {
        for (const Header& field : fields) add(field.name, field.value);
    }

    // Throws std::length_error for a value of 4 GiB and more.
    void add(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    // Reserves room for fields of `text_bytes` octets, names and values together; a hint.
    void reserve(std::size_t text_bytes) { fields_.reserve(text_bytes); }

    // Returns the last value of that name, ignoring case.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
    [[nodiscard]] std::vector<std::string_view> getlist(std::string_view name) const;
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
    // Whether the comma-separated list in all fields of that name contains `token`, ignoring case.
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    [[nodiscard]] Iterator begin() const noexcept;
    [[nodiscard]] Iterator end() const noexcept;

private:
    struct Sizes {
        std::uint32_t name, value;
    };

    std::string fields_;
};

// Inline, because a request's fields are searched a dozen times.
class Headers::Iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    using pointer = const Header*;
    using reference = Header;

    [[nodiscard]] Header operator*() const noexcept {
        const Sizes sizes = this->sizes();
        const char* name = at_ + sizeof sizes;
        return {{name, sizes.name}, {name + sizes.name, sizes.value}};
    }
    Iterator& operator++() noexcept {
        const Sizes sizes = this->sizes();
        at_ += sizeof sizes + sizes.name + sizes.value;
        return *this;
    }
    Iterator operator++(int) noexcept {
        const Iterator before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) noexcept = default;

private:
    friend class Headers;
    explicit Iterator(const char* at) noexcept : at_(at) {}
    [[nodiscard]] Sizes sizes() const noexcept {
        Sizes sizes;  // may be unaligned
        std::memcpy(&sizes, at_, sizeof sizes);
        return sizes;
    }
    const char* at_;
};

inline Headers::Iterator Headers::begin() const noexcept {
    return Iterator(fields_.data());
}
inline Headers::Iterator Headers::end() const noexcept {
    return Iterator(fields_.data() + fields_.size());
}

// Says that the response depends on the request's field `name` (RFC 9110 section 12.5.5): adds it to the one list of
// Vary, unless the list has it already or is "*".
void add_vary(Headers& headers, std::string_view name);

// ASCII only; field names are ASCII.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}
// RFC 9110 section 5.6.2: token characters, at least one.
[[nodiscard]] bool is_token(std::string_view text) noexcept;
// RFC 9110 section 5.5 for sending: visible ASCII, SP and HTAB, so no CR, LF, NUL, other controls or obs-text (from
// 0x80); no white space at the ends. The empty value is valid.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;
// Returns the members of a comma-separated list, trimmed and without empty ones. A comma in a quoted string does not
// separate.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view value);

}  // namespace proapi::http
