// Names and values of a request: headers, query parameters, path parameters, cookies, form fields. An ordered multimap,
// small enough for linear search; a repeated name keeps all its values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proapi {

class Fields {
public:
    using Field = std::pair<std::string, std::string>;

    // Returns the last value of that name, if any. The view lives as long as this object. On a temporary object, such
    // as request.form(), these members return copies instead of views.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const& noexcept;
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const&&;
    [[nodiscard]] std::string get(std::string_view name, std::string_view fallback) const;
    // The same, but throws HTTPException(400), naming the field, if there is no value.
    [[nodiscard]] const std::string& operator[](std::string_view name) const&;
    [[nodiscard]] std::string operator[](std::string_view name) const&&;
    // All values of that name, in order.
    [[nodiscard]] std::vector<std::string_view> getlist(std::string_view name) const&;
    [[nodiscard]] std::vector<std::string> getlist(std::string_view name) const&&;
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
    [[nodiscard]] auto end() const noexcept { return fields_.end(); }

    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    // Replaces all values of that name by one, in the place of the first.
    void set(std::string name, std::string value);
    // Removes all values of that name.
    void remove(std::string_view name);

protected:
    enum class Case : bool { sensitive, insensitive };
    explicit Fields(Case rule) noexcept : rule_(rule) {}
    Fields(Case rule, std::vector<Field> fields) noexcept : fields_(std::move(fields)), rule_(rule) {}

private:
    [[nodiscard]] bool is_same(std::string_view a, std::string_view b) const noexcept;
    [[nodiscard]] const Field* find(std::string_view name) const noexcept;

    std::vector<Field> fields_;
    Case rule_;
};

// Case-insensitive names (RFC 9110 section 5.1).
class Headers : public Fields {
public:
    Headers() noexcept : Fields(Case::insensitive) {}
    Headers(std::initializer_list<Field> fields) : Fields(Case::insensitive, fields) {}
    explicit Headers(std::vector<Field> fields) noexcept : Fields(Case::insensitive, std::move(fields)) {}
};

// Names are compared exactly.
class Params : public Fields {
public:
    Params() noexcept : Fields(Case::sensitive) {}
    explicit Params(std::vector<Field> fields) noexcept : Fields(Case::sensitive, std::move(fields)) {}
};

// The address of a client: the connection's peer, or whom a trusted proxy names (setting trusted_proxies).
struct Client {
    std::string host;        // numeric; empty: the peer of a Unix socket
    std::uint16_t port = 0;  // 0: the proxy does not name it
    friend bool operator==(const Client&, const Client&) = default;
};

}  // namespace proapi
