"""What a handler's parameter is marked with: where its value comes from, and what is expected of it.

``proapi.params`` has the functions that users call; ``parameters`` reads the markers. Knows no requests.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Literal

from msgspec import Struct


class Source(StrEnum):
    """Where a value comes from. The value is the first step of ``loc`` in the errors that clients get."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    FORM = "form"
    FILE = "file"


class Unset:
    """There is no default: clients must send a value."""

    def __repr__(self) -> str:
        return "..."


UNSET: Final = Unset()

CONSTRAINTS: Final = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


class Marker(Struct, frozen=True, eq=False):
    """``Query(...)``, ``Header(...)`` and their like."""

    source: Source
    first: Any = UNSET
    """The positional argument: in ``Annotated`` the name that clients use, elsewhere the default."""
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    constraints: Mapping[str, Any] = {}
    """By the names in ``CONSTRAINTS``."""
    description: Mapping[str, Any] = {}
    """For documents: title, description, examples."""
    convert_underscores: bool = True
    """Header: whether ``user_agent`` is ``user-agent``."""
    embed: bool = False
    """Body: whether the value is a member of a JSON object, under the parameter's name."""


class Dependency(Struct, frozen=True, eq=False):
    """``Depends(...)``."""

    call: Callable[..., Any] | None
    """None: the parameter's annotation."""
    use_cache: bool = True
    scope: Literal["function", "request"] | None = None
