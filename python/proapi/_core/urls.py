"""Paths made of a route's pattern and values for its parameters."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_LITERAL = "/%:@!$&'()*+,;=~"
_TEXTS = {"int": re.compile(r"-?\d+"), "float": re.compile(r"-?\d+(\.\d+)?")}


def fill_pattern(pattern: str, converters: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """Returns the path, percent-encoded.

    Args:
        pattern: The route's path.
        converters: The converter of each of its parameters.
        values: A value for each parameter.

    Returns:
        The path.

    Raises:
        ValueError: A value does not fit its converter.
    """
    path, end = "", 0
    for match in _PARAMETER.finditer(pattern):
        path += quote(pattern[end : match.start()], safe=_LITERAL) + _fill(match[1], converters, values)
        end = match.end()
    return path + quote(pattern[end:], safe=_LITERAL)


def _fill(name: str, converters: Mapping[str, str], values: Mapping[str, Any]) -> str:
    converter, text = converters[name], str(values[name])
    if converter == "uuid":
        text = str(UUID(text))
    elif (pattern := _TEXTS.get(converter)) is not None and not pattern.fullmatch(text):
        raise ValueError(f"expected {converter} for {name!r}, got {text!r}")
    elif not text:
        raise ValueError(f"expected text for {name!r}, got none")
    return quote(text, safe="/" if converter == "path" else "")
