#include "proapi/fields.hpp"

#include <algorithm>
#include <ranges>

#include "http/headers.hpp"
#include "http/text.hpp"
#include "proapi/errors.hpp"
#include "service/log.hpp"

namespace proapi {

namespace {

constexpr std::size_t max_shown_octets = 200;

// The names that a client has sent as an error text shows them: one line of bounded length.
[[nodiscard]] std::string shown(std::string_view names) {
    const bool has_control = std::ranges::any_of(names, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (has_control) return service::escape_for_log(names, max_shown_octets);
    return http::shortened(names, max_shown_octets);
}

}  // namespace

bool Fields::is_same(std::string_view a, std::string_view b) const noexcept {
    return rule_ == Case::sensitive ? a == b : http::equals_ignoring_case(a, b);
}

const Fields::Field* Fields::find(std::string_view name) const noexcept {
    for (const Field& field : std::views::reverse(fields_))
        if (is_same(field.first, name)) return &field;
    return nullptr;
}

std::optional<std::string_view> Fields::get(std::string_view name) const& noexcept {
    const Field* field = find(name);
    return field ? std::optional<std::string_view>(field->second) : std::nullopt;
}

std::optional<std::string> Fields::get(std::string_view name) const&& {
    const Field* field = find(name);
    return field ? std::optional(field->second) : std::nullopt;
}

std::string Fields::get(std::string_view name, std::string_view fallback) const {
    return std::string(get(name).value_or(fallback));
}

const std::string& Fields::operator[](std::string_view name) const& {
    if (const Field* field = find(name)) return field->second;
    std::string names;
    for (const auto& [known, value] : fields_) {
        names += (names.empty() ? "" : ", ") + known;
        if (names.size() > max_shown_octets) break;
    }
    throw HTTPException(
        400, "expected a field named '" + std::string(name) + "', got " + (names.empty() ? "no fields" : shown(names)));
}

std::string Fields::operator[](std::string_view name) const&& {
    const Fields& self = *this;
    return self[name];
}

std::vector<std::string> Fields::getlist(std::string_view name) const&& {
    const Fields& self = *this;
    const auto views = self.getlist(name);
    return {views.begin(), views.end()};
}

std::vector<std::string_view> Fields::getlist(std::string_view name) const& {
    std::vector<std::string_view> values;
    for (const auto& [known, value] : fields_)
        if (is_same(known, name)) values.emplace_back(value);
    return values;
}

void Fields::set(std::string name, std::string value) {
    const auto is_named = [&](const Field& field) { return is_same(field.first, name); };
    const auto first = std::ranges::find_if(fields_, is_named);
    if (first == fields_.end()) return add(std::move(name), std::move(value));
    fields_.erase(std::remove_if(first + 1, fields_.end(), is_named), fields_.end());
    first->second = std::move(value);
}

void Fields::remove(std::string_view name) {
    std::erase_if(fields_, [&](const Field& field) { return is_same(field.first, name); });
}

}  // namespace proapi
