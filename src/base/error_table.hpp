// What the tables of errors share: each layer has an enumeration of codes, and one row for each of them that says what
// the code means. See http/error.cpp, ws/error.cpp and service/error.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace proapi::base {

template <class Code, class Meaning>
struct ErrorRow {
    Code code;
    Meaning meaning;
};

// Whether there is one row for each code up to `last`, in their order. For a static_assert beside the table.
template <class Code, class Meaning, std::size_t count>
[[nodiscard]] consteval bool has_a_row_for_each(const std::array<ErrorRow<Code, Meaning>, count>& rows, Code last) {
    for (std::size_t i = 0; i < count; ++i)
        if (static_cast<std::size_t>(rows[i].code) != i) return false;
    return count == static_cast<std::size_t>(last) + 1;
}

// `text` with each "{}" replaced by the next of `values`. A "{}" for which there is no value stays.
[[nodiscard]] inline std::string fill_in(std::string_view text, std::initializer_list<std::string_view> values) {
    std::string filled;
    for (const std::string_view value : values) {
        const std::size_t at = text.find("{}");
        if (at == std::string_view::npos) break;
        filled.append(text.substr(0, at)).append(value);
        text.remove_prefix(at + 2);
    }
    return filled.append(text);
}

}  // namespace proapi::base
