// Converts C++ exceptions to Python exceptions where the interpreter calls C++: for functions in slots and method
// tables. nanobind does the same for what it binds.
#pragma once

#include <Python.h>

#include <type_traits>

namespace proapi::bindings {

// Sets the Python exception of the C++ exception that is being handled.
void set_python_error() noexcept;

// What a slot with this result type returns if an exception is set.
template <class Result>
[[nodiscard]] Result slot_failure() noexcept {
    if constexpr (std::is_same_v<Result, PySendResult>) {
        return PYGEN_ERROR;
    } else {
        static_assert(std::is_pointer_v<Result>);
        return nullptr;
    }
}

template <auto function>
struct Guarded;
template <class Result, class... Arguments, Result (*function)(Arguments...)>
struct Guarded<function> {
    static Result call(Arguments... arguments) noexcept {
        try {
            return function(arguments...);
        } catch (...) {
            set_python_error();
            return slot_failure<Result>();
        }
    }
};

// `function`, guarded, for a slot or an attribute.
template <auto function>
inline constexpr auto guarded = &Guarded<function>::call;

// `function`, guarded, with any calling convention, for a method table.
template <auto function>
[[nodiscard]] PyCFunction as_method() noexcept {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(guarded<function>));
}

}  // namespace proapi::bindings
