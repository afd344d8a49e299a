"""Mappings with repeated names (header fields, query parameters, forms), the peer's address, and state.

``[]`` and ``get`` return the last value of a name, ``getlist`` all values, ``multi_items`` every pair in order. ``[]``
raises MissingFieldError if there is no such name. ``State`` holds the application's own attributes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, Self, TypeVar, overload

from .errors import MissingFieldError
from .uploads import UploadFile

_T = TypeVar("_T")
_D = TypeVar("_D")
_MOST_SHOWN = 200


class Client(NamedTuple):
    """The address of a client: the connection's peer, or whom a trusted proxy names. The engine creates it too."""

    host: str
    port: int


def _shown(names: str) -> str:
    """Returns the names that a client has sent as an error text shows them: one line of bounded length."""
    cut = names[:_MOST_SHOWN]
    shown = cut if cut.isprintable() else ascii(cut)[1:-1]
    return shown + ("..." if len(names) > _MOST_SHOWN else "")


class _MultiMapping(Mapping[str, _T]):
    """Pairs in the order they came, and the last value of each name."""

    __slots__ = ("_pairs", "last")

    def __init__(self, pairs: Iterable[tuple[str, _T]] | Mapping[str, _T] = ()) -> None:
        given = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._pairs = [(self._key(name), value) for name, value in given]
        self.last = dict(self._pairs)
        """Internal: the last value of each name, header fields in lower case."""

    @staticmethod
    def _key(name: str) -> str:
        return name

    def __getitem__(self, name: str) -> _T:
        try:
            return self.last[self._key(name)]
        except KeyError:
            got = _shown(", ".join(self.last)) or "no fields"
            raise MissingFieldError(f"expected a field named {name!r}, got {got}") from None

    @overload
    def get(self, key: str, default: None = None, /) -> _T | None: ...
    @overload
    def get(self, key: str, default: _T | _D, /) -> _T | _D: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        return self.last.get(self._key(key), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self.last

    def __iter__(self) -> Iterator[str]:
        return iter(self.last)

    def __len__(self) -> int:
        return len(self.last)

    def getlist(self, name: str) -> list[_T]:
        """Returns every value of ``name`` in order, or an empty list."""
        wanted = self._key(name)
        return [value for key, value in self._pairs if key == wanted]

    def multi_items(self) -> list[tuple[str, _T]]:
        """Returns every pair in order, repeated names included."""
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
    """Header fields. Names match in any case and are listed in lower case."""

    __slots__ = ()

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()


class MutableHeaders(MutableMapping[str, str]):
    """The header fields of a response: a mapping, names in any case, that keeps order and repeated names.

    ``[]`` and ``get`` return the last value of a name, ``getlist`` all values. ``items`` has every field. Setting a
    name replaces all its fields; ``append`` adds one.
    """

    __slots__ = ("_add", "_fields")

    def __init__(self, fields: list[tuple[str, str]], add: Callable[[str, str], None]) -> None:
        """A view: changes act on ``fields``. ``add`` checks a field and appends it."""
        self._fields = fields
        self._add = add

    def __getitem__(self, name: str) -> str:
        if values := self.getlist(name):
            return values[-1]
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self._add(name, value)  # raises before anything is removed
        added = self._fields.pop()
        del self[name]
        self._fields.append(added)

    def __delitem__(self, name: str) -> None:
        """Removes every field of that name; there need be none."""
        lower = name.lower()
        self._fields[:] = [field for field in self._fields if field[0].lower() != lower]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.getlist(name))

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._fields])

    def __len__(self) -> int:
        return len(self._fields)

    def items(self) -> Any:
        """Returns every field in order, repeated names included."""
        return self.multi_items()

    def values(self) -> Any:
        """Returns the value of every field in order."""
        return [value for _, value in self._fields]

    def multi_items(self) -> list[tuple[str, str]]:
        """Returns every field in order, repeated names included."""
        return list(self._fields)

    def getlist(self, name: str) -> list[str]:
        """Returns every value of ``name`` in order, or an empty list."""
        lower = name.lower()
        return [value for key, value in self._fields if key.lower() == lower]

    def append(self, name: str, value: str) -> None:
        """Adds a field beside those of the same name.

        Raises:
            ValueError: HTTP does not allow the field, or the server writes it itself.
            TypeError: The name or the value is not a str.
        """
        self._add(name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MutableHeaders) and self._fields == other._fields

    def __repr__(self) -> str:
        return f"MutableHeaders({self._fields!r})"


class QueryParams(_MultiMapping[str]):
    """Query parameters, decoded."""

    __slots__ = ()


class FormData(_MultiMapping[str | UploadFile]):
    """Fields of a form, decoded: ``str``, and ``UploadFile`` for files."""

    __slots__ = ()

    async def close(self) -> None:
        """Closes the files."""
        for _, value in self._pairs:
            if isinstance(value, UploadFile):
                await value.close()


class FormFiles(_MultiMapping[UploadFile]):
    """Files of a form, by the name of the field."""

    __slots__ = ()


class State:
    """The application's own attributes: ``state.name = "Ada"``; ``state["name"]`` is the same.

    Raises:
        AttributeError: There is no attribute of that name.
        KeyError: The same, for ``[]``.
    """

    __slots__ = ("_state",)
    _state: dict[Any, Any]

    def __init__(self, state: dict[Any, Any] | None = None) -> None:
        """Wraps ``state`` without copying it.

        Args:
            state: The dict that holds the attributes. None: a new one.
        """
        object.__setattr__(self, "_state", {} if state is None else state)

    def __getattr__(self, name: str) -> Any:
        if name in State.__slots__:  # a copy that is not initialized yet
            raise AttributeError(name)
        try:
            return self._state[name]
        except KeyError:
            got = ", ".join(map(str, self._state)) or "nothing"
            raise AttributeError(f"expected {name!r} in the state, got {got}", name=name, obj=self) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._state[name] = value

    def __delattr__(self, name: str) -> None:
        getattr(self, name)
        del self._state[name]

    def __getitem__(self, name: str) -> Any:
        return self._state[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._state[name] = value

    def __delitem__(self, name: str) -> None:
        del self._state[name]

    def __contains__(self, name: object) -> bool:
        return name in self._state

    def __iter__(self) -> Iterator[Any]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *map(str, self._state)]

    def __repr__(self) -> str:
        return f"State({self._state!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return State, (self._state,)
