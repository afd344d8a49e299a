// Result: the return type of calls that may fail. It holds either a value or an error.
//
//   base::Result<Pattern, http::Error> parsed = parse_pattern(text);
//   if (!parsed) return parsed.error();
//   use(*parsed);
//
// Each layer has its ErrorCode, one table of texts, and an Error if a text contains what arrived (http/error.hpp,
// ws/error.hpp, service/error.hpp, net/error.hpp).
#pragma once

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace proapi::base {

// It is a mistake to ask a failed call for its value, or a successful call for its error. Assertions check for it.
template <class T, class E>
class [[nodiscard]] Result {
    static_assert(!std::is_same_v<T, E>, "expected a value and an error of different types");

public:
    // Implicit, so that a function may return either.
    Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
    Result(E error) : either_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return either_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& operator*() & noexcept { return get<0>(either_); }
    [[nodiscard]] const T& operator*() const& noexcept { return get<0>(either_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(get<0>(either_)); }
    [[nodiscard]] T* operator->() noexcept { return &get<0>(either_); }
    [[nodiscard]] const T* operator->() const noexcept { return &get<0>(either_); }

    [[nodiscard]] const E& error() const& noexcept { return get<1>(either_); }
    [[nodiscard]] E&& error() && noexcept { return std::move(get<1>(either_)); }

private:
    template <std::size_t index, class Either>
    static auto& get(Either& either) noexcept {
        assert(either.index() == index);
        return *std::get_if<index>(&either);
    }

    std::variant<T, E> either_;
};

// For calls that return nothing: `return {};` is success.
template <class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() noexcept = default;
    Result(E error) : error_(std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] const E& error() const& noexcept {
        assert(error_);
        return *error_;
    }
    [[nodiscard]] E&& error() && noexcept {
        assert(error_);
        return *std::move(error_);
    }

private:
    std::optional<E> error_;
};

}  // namespace proapi::base
