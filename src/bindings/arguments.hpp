// Converts Python arguments to the engine's types, with errors that say what was expected and what came, and text,
// headers and pairs to Python objects.
//
// to_*() return a new reference, or null with an exception set.
#pragma once

#include <Python.h>

#include <string_view>

#include "http/headers.hpp"
#include "http/url.hpp"

namespace proapi::bindings {

// `what` names the argument in the error. The view lives as long as `object`. Returns false with TypeError set
// ("reason: expected str, got int"), or UnicodeEncodeError for a str with lone surrogates.
[[nodiscard]] bool read_str(PyObject* object, const char* what, std::string_view& out);
// Reads any int; one that does not fit becomes the nearest that does. Returns false with TypeError set ("close: code:
// expected int, got str").
[[nodiscard]] bool read_int(PyObject* object, const char* what, int& out);
// Appends the headers of a mapping or of a sequence of pairs, of str or ASCII bytes; None has none. Returns false with
// an exception set.
[[nodiscard]] bool read_headers(PyObject* object, http::Headers& out);

[[nodiscard]] PyObject* to_str(std::string_view text);  // replaces invalid UTF-8
// Latin-1 maps each octet of a header field to one character.
[[nodiscard]] PyObject* to_latin1_str(std::string_view text);
// [(name, value), ...]
[[nodiscard]] PyObject* to_pairs(const http::Headers& headers);
[[nodiscard]] PyObject* to_pairs(const http::Pairs& pairs);
// {name: value}, with the last value of each name
[[nodiscard]] PyObject* to_dict(const http::Pairs& pairs);

}  // namespace proapi::bindings
