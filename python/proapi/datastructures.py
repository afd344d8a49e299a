"""Mappings with repeated names: header fields, query parameters, forms; and the peer's address.

``[]`` and ``get`` give the last value of a name, ``getlist`` all of them, ``multi_items`` every pair in order. Where
there is none, ``[]`` raises MissingFieldError.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeVar, overload

from .errors import MissingFieldError

_T = TypeVar("_T")
_D = TypeVar("_D")


class Client(NamedTuple):
    """The peer of a connection. The engine makes them, too."""

    host: str
    port: int


class _MultiMapping(Mapping[str, _T]):
    """Pairs in the order they came, and the last value of each name."""

    __slots__ = ("_last", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, _T]] | Mapping[str, _T] = ()) -> None:
        given = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._pairs = [(self._key(name), value) for name, value in given]
        self._last = dict(self._pairs)

    @staticmethod
    def _key(name: str) -> str:
        return name

    def __getitem__(self, name: str) -> _T:
        try:
            return self._last[self._key(name)]
        except KeyError:
            got = ", ".join(self._last) or "none at all"
            raise MissingFieldError(f"expected a field named {name!r}, got {got}") from None

    @overload
    def get(self, key: str, default: None = None, /) -> _T | None: ...
    @overload
    def get(self, key: str, default: _T | _D, /) -> _T | _D: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        return self._last.get(self._key(key), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def getlist(self, name: str) -> list[_T]:
        """Every value of ``name``, in order; empty where there is none."""
        wanted = self._key(name)
        return [value for key, value in self._pairs if key == wanted]

    def multi_items(self) -> list[tuple[str, _T]]:
        """Every pair, repeated names included, in order."""
        return list(self._pairs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, type(self)):
            return Counter(self._pairs) == Counter(other._pairs)
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def __copy__(self) -> Self:
        return type(self)(self._pairs)


class Headers(_MultiMapping[str]):
    """Header fields; names in any case, given in lower case."""

    __slots__ = ()

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()


class QueryParams(_MultiMapping[str]):
    """Query parameters, decoded."""

    __slots__ = ()


class FormData(_MultiMapping[str]):
    """Fields of a form, decoded."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file in a form, whole. ``filename`` is what the client says, and no path to write to: it may be
    ``../../etc/passwd``, or empty."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


class FormFiles(_MultiMapping[UploadFile]):
    """Files of a form, by the names of its fields."""

    __slots__ = ()
