"""What acts on every request and response of an application: CORS."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ._core.binding import Cors


@dataclass(frozen=True, kw_only=True)
class CORS:
    """Which pages of other origins may read the responses, for ``ProAPI(cors=...)``.

    The names and meanings are those of Starlette's ``CORSMiddleware``. Lists may also be a str with commas.

    Args:
        allow_origins: Origins as browsers write them, such as "https://app.example.org"; "*" is any. "null", the origin
            of sandboxed frames and of files, must be listed, or is a part of "*" without ``allow_credentials``.
        allow_origin_regex: A regular expression that matches the whole of other allowed origins, ignoring case.
        allow_methods: What preflights are told. "*": DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT.
        allow_headers: In addition to Accept, Accept-Language, Content-Language and Content-Type. "*": any.
        allow_credentials: Whether pages may send cookies and read the responses.
        expose_headers: Fields of responses that pages may read in addition to the few that they always may.
        max_age: How long browsers may keep the answer to a preflight: seconds or a timedelta.
        allow_private_network: Whether pages of public sites may send requests although the server is in a private
            network.

    Raises:
        ValueError: An option can't have its value. The text names the option.
        TypeError: An option has another type, or does not exist.
    """

    allow_origins: str | Iterable[str] = ()
    allow_origin_regex: str | None = None
    allow_methods: str | Iterable[str] = ("GET",)
    allow_headers: str | Iterable[str] = ()
    allow_credentials: bool = False
    expose_headers: str | Iterable[str] = ()
    max_age: int | timedelta = 600
    allow_private_network: bool = False
    _rules: Cors = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists: dict[str, Any] = {name: _read_list(name, getattr(self, name)) for name in _LISTS}
        switches: dict[str, Any] = {name: _read_switch(name, getattr(self, name)) for name in _SWITCHES}
        rules = Cors(
            **lists,
            **switches,
            matches_origin=_compile(self.allow_origin_regex),
            max_age_s=_read_seconds(self.max_age),
        )
        for name, items in lists.items():
            object.__setattr__(self, name, items)
        object.__setattr__(self, "_rules", rules)


_LISTS = ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
_SWITCHES = ("allow_credentials", "allow_private_network")


def _read_list(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    items: tuple[Any, ...] = tuple(value) if isinstance(value, Iterable) else (value,)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{name}: expected str or a list of str, got {item!r}")
    return items


def _read_switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return value


def _read_seconds(value: object) -> int:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"max_age: expected whole seconds or a timedelta, got {value!r}")
    return min(max(value, -1), 2**62)  # what the engine's type holds; it checks the range


def _compile(pattern: object) -> Callable[[str], object] | None:
    if pattern is None:
        return None
    if not isinstance(pattern, str):
        raise TypeError(f"allow_origin_regex: expected a str, got {pattern!r}")
    try:
        return re.compile(pattern, re.IGNORECASE).fullmatch
    except re.error as error:
        raise ValueError(f"allow_origin_regex: expected a regular expression, got {pattern!r}: {error}") from None
