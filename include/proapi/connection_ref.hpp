// A reference-counted pointer to the state that all handles of one connection share. It is a single pointer, because
// handlers, tasks and member lists hold many of them. Copying and destroying it are safe on any thread.
#pragma once

#include <compare>
#include <utility>

namespace proapi::detail {

class ConnectionState;

class ConnectionRef {
public:
    ConnectionRef() noexcept = default;
    explicit ConnectionRef(ConnectionState* state) noexcept : state_(state) {
        if (state_) add(*state_);
    }
    ConnectionRef(const ConnectionRef& other) noexcept : ConnectionRef(other.state_) {}
    ConnectionRef(ConnectionRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    ~ConnectionRef() { reset(); }
    ConnectionRef& operator=(ConnectionRef other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    void reset() noexcept {
        if (ConnectionState* state = std::exchange(state_, nullptr)) drop(*state);
    }

    [[nodiscard]] ConnectionState* get() const noexcept { return state_; }
    ConnectionState* operator->() const noexcept { return state_; }
    ConnectionState& operator*() const noexcept { return *state_; }
    explicit operator bool() const noexcept { return state_ != nullptr; }
    friend bool operator==(const ConnectionRef&, const ConnectionRef&) noexcept = default;
    friend auto operator<=>(const ConnectionRef& a, const ConnectionRef& b) noexcept {
        return std::compare_three_way()(a.state_, b.state_);
    }

private:
    friend class ConnectionState;
    static void add(ConnectionState& state) noexcept;
    static void drop(ConnectionState& state) noexcept;

    ConnectionState* state_ = nullptr;
};

}  // namespace proapi::detail
