// A reference count inside the object, for objects that belong to one thread: exchanges, WebSockets and the like.
#pragma once

#include <cstdint>
#include <utility>

namespace proapi::base {

// The base class of counted objects, which are deleted with the last reference. Not atomic: one thread only.
class RefCounted {
public:
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;

    void add_reference() noexcept { ++references_; }
    void drop_reference() noexcept {
        if (--references_ == 0) delete this;
    }

protected:
    RefCounted() noexcept = default;
    virtual ~RefCounted() = default;

private:
    std::uint32_t references_ = 0;
};

template <class T>
class IntrusivePtr {
public:
    IntrusivePtr() noexcept = default;
    IntrusivePtr(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor): reads like a raw pointer
    explicit IntrusivePtr(T* object) noexcept : object_(object) {
        if (object_) object_->add_reference();
    }
    IntrusivePtr(const IntrusivePtr& other) noexcept : IntrusivePtr(other.object_) {}
    IntrusivePtr(IntrusivePtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
    IntrusivePtr(const IntrusivePtr<U>& other) noexcept : IntrusivePtr(static_cast<T*>(other.get())) {}
    ~IntrusivePtr() { reset(); }

    IntrusivePtr& operator=(IntrusivePtr other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    void reset() noexcept {
        if (T* object = std::exchange(object_, nullptr)) object->drop_reference();
    }

    [[nodiscard]] T* get() const noexcept { return object_; }
    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    friend bool operator==(const IntrusivePtr&, const IntrusivePtr&) noexcept = default;

private:
    T* object_ = nullptr;
};

}  // namespace proapi::base
