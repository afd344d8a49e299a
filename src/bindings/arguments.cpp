#include "bindings/arguments.hpp"

#include <algorithm>
#include <limits>

namespace proapi::bindings {

namespace {

// Sets TypeError.
void refuse_type(PyObject* object, const char* what, const char* expected) {
    const PyAsyncMethods* const async = Py_TYPE(object)->tp_as_async;
    PyErr_Format(PyExc_TypeError, "%s: expected %s, got %.200s%s", what, expected, Py_TYPE(object)->tp_name,
                 async && async->am_await ? "; is an await missing?" : "");
}

}  // namespace

bool read_str(PyObject* object, const char* what, std::string_view& out) {
    if (!PyUnicode_Check(object)) {
        refuse_type(object, what, "str");
        return false;
    }
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(object, &size);
    if (!data) return false;
    out = {data, static_cast<std::size_t>(size)};
    return true;
}

bool read_int(PyObject* object, const char* what, int& out) {
    if (!PyIndex_Check(object)) {
        refuse_type(object, what, "int");
        return false;
    }
    // A null exception type: PyNumber_AsSsize_t() clamps instead of raising OverflowError.
    const Py_ssize_t number = PyNumber_AsSsize_t(object, nullptr);
    if (number == -1 && PyErr_Occurred()) return false;
    using Limits = std::numeric_limits<int>;
    out = static_cast<int>(std::clamp<Py_ssize_t>(number, Limits::min(), Limits::max()));
    return true;
}

namespace {

// Accepts str, or ASCII bytes as in ASGI headers.
bool read_field(PyObject* object, const char* what, std::string_view& out) {
    if (!PyBytes_Check(object)) return read_str(object, what, out);
    out = {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
    const bool is_ascii =
        std::all_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (!is_ascii) PyErr_Format(PyExc_ValueError, "%s: expected ASCII, got %R", what, object);
    return is_ascii;
}

bool read_pair(PyObject* pair, http::Headers& out) {
    PyObject* fast = PySequence_Fast(pair, "headers: expected pairs of name and value");
    if (!fast) return false;
    std::string_view name, value;
    bool good = PySequence_Fast_GET_SIZE(fast) == 2;
    if (!good) PyErr_SetString(PyExc_TypeError, "headers: expected pairs of name and value");
    good = good && read_field(PySequence_Fast_GET_ITEM(fast, 0), "a header's name", name) &&
           read_field(PySequence_Fast_GET_ITEM(fast, 1), "a header's value", value);
    if (good) out.add(name, value);
    Py_DECREF(fast);
    return good;
}

PyObject* make_pair(PyObject* name, PyObject* value) {
    PyObject* pair = name && value ? PyTuple_Pack(2, name, value) : nullptr;
    Py_XDECREF(name);
    Py_XDECREF(value);
    return pair;
}

bool append_stolen(PyObject* list, PyObject* item) {
    const bool good = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return good;
}

}  // namespace

bool read_headers(PyObject* object, http::Headers& out) {
    if (!object || object == Py_None) return true;
    // PyMapping_Check() is true for lists, tuples and str too.
    const bool is_sequence = PyList_Check(object) || PyTuple_Check(object) || PyUnicode_Check(object);
    PyObject* items = !is_sequence && PyMapping_Check(object) ? PyMapping_Items(object) : Py_NewRef(object);
    PyObject* fast = items ? PySequence_Fast(items, "headers: expected a mapping or a sequence of pairs") : nullptr;
    Py_XDECREF(items);
    if (!fast) return false;
    bool good = true;
    for (Py_ssize_t i = 0; good && i < PySequence_Fast_GET_SIZE(fast); ++i) {
        PyObject* pair = Py_NewRef(PySequence_Fast_GET_ITEM(fast, i));  // code of the pair may change the list
        good = read_pair(pair, out);
        Py_DECREF(pair);
    }
    Py_DECREF(fast);
    return good;
}

PyObject* to_pairs(const http::Headers& headers) {
    PyObject* list = PyList_New(0);
    if (!list) return nullptr;
    for (const auto& [name, value] : headers) {
        if (!append_stolen(list, make_pair(to_latin1_str(name), to_latin1_str(value)))) {
            Py_DECREF(list);
            return nullptr;
        }
    }
    return list;
}

PyObject* to_pairs(const http::Pairs& pairs) {
    PyObject* list = PyList_New(0);
    if (!list) return nullptr;
    for (const auto& [name, value] : pairs) {
        if (!append_stolen(list, make_pair(to_str(name), to_str(value)))) {
            Py_DECREF(list);
            return nullptr;
        }
    }
    return list;
}

PyObject* to_dict(const http::Pairs& pairs) {
    PyObject* dict = PyDict_New();
    for (const auto& [name, value] : pairs) {
        PyObject* key = dict ? to_str(name) : nullptr;
        PyObject* item = key ? to_str(value) : nullptr;
        if (!item || PyDict_SetItem(dict, key, item) != 0) Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(item);
        if (!dict) break;
    }
    return dict;
}

PyObject* to_str(std::string_view text) {
    return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

PyObject* to_latin1_str(std::string_view text) {
    return PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

}  // namespace proapi::bindings
