// A small stock of objects that are expensive to make, kept by a thread for the next one that needs such an object.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

namespace proapi::base {

// `Owner` is a movable owner, such as a std::unique_ptr.
template <class Owner, std::size_t capacity>
class Stock {
public:
    // Returns an object from the stock or, if there is none, what `make` returns.
    template <class Make>
    [[nodiscard]] Owner take(Make&& make) {
        if (count_ > 0) return std::move(objects_[--count_]);
        return std::forward<Make>(make)();
    }
    // Keeps the object, or destroys it if the stock is full.
    void give_back(Owner object) noexcept {
        if (count_ < capacity) objects_[count_++] = std::move(object);
    }

private:
    std::array<Owner, capacity> objects_;
    std::size_t count_ = 0;
};

}  // namespace proapi::base
