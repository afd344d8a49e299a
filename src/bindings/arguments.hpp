// From Python arguments to the engine's types, with errors that say what was expected and what came; and text, headers
// and pairs back to Python.
#pragma once

#include <Python.h>

#include <string_view>

#include "http/headers.hpp"
#include "http/url.hpp"

namespace proapi::bindings {

// False with TypeError set ("reason: expected str, got int"); `what` names the argument. The view lives as long as
// `object` does. A str with lone surrogates is a UnicodeEncodeError.
[[nodiscard]] bool read_str(PyObject* object, const char* what, std::string_view& out);
// Any int: one that does not fit becomes the nearest that does. TypeError for what is none.
[[nodiscard]] bool read_int(PyObject* object, int& out);
// A mapping of str to str, or a sequence of pairs of str or ASCII bytes; None is none. Appends.
[[nodiscard]] bool read_headers(PyObject* object, http::Headers& out);

[[nodiscard]] PyObject* to_str(std::string_view text);  // replaces what is not UTF-8
// Latin-1 both ways, as header fields are octets.
[[nodiscard]] PyObject* to_latin1_str(std::string_view text);
// [(name, value), ...]
[[nodiscard]] PyObject* to_pairs(const http::Headers& headers);
[[nodiscard]] PyObject* to_pairs(const http::Pairs& pairs);
// {name: value}, the last one of a name
[[nodiscard]] PyObject* to_dict(const http::Pairs& pairs);

}  // namespace proapi::bindings
