// Header fields in the order they came: an ordered multimap with case-insensitive names (RFC 9110 section 5).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proapi::http {

struct Header {
    std::string name;
    std::string value;
    friend bool operator==(const Header&, const Header&) = default;
};

class Headers {
public:
    Headers() = default;
    Headers(std::initializer_list<Header> fields) : fields_(fields) {}

    void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
    // Replaces every field of that name by one.
    void set(std::string_view name, std::string value);
    void remove(std::string_view name);

    // The last value of that name, any case.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
    [[nodiscard]] std::vector<std::string_view> getlist(std::string_view name) const;
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
    // Whether `token` is a member, any case, of the comma-separated list in all fields of that name.
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
    [[nodiscard]] auto end() const noexcept { return fields_.end(); }

private:
    std::vector<Header> fields_;
};

// ASCII only, as field names are.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
// RFC 9110 section 5.6.2: token characters, at least one.
[[nodiscard]] bool is_token(std::string_view text) noexcept;
// RFC 9110 section 5.5 for sending: visible ASCII, SP and HTAB, so no CR, LF, NUL, other control or obs-text (from
// 0x80); no white space at the ends. An empty value is one.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;
// The members of a comma-separated list, trimmed, empty ones left out. A comma in a quoted string does not separate.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view value);

}  // namespace proapi::http
