"""Where the values of a handler's parameters come from, with the names and meanings of FastAPI: ``Query``, ``Path``,
``Header``, ``Cookie``, ``Body``, ``Form``, ``File`` and ``Depends``.

A marker stands in ``Annotated``, or in place of the default::

    async def items(limit: Annotated[int, Query(ge=1, le=100)] = 20, q: str | None = Query(None)): ...

In ``Annotated`` the positional argument is the name that clients use: ``Annotated[str, Header("X-Token")]``.
"""

from collections.abc import Callable
from typing import Any, Literal, TypedDict, Unpack

from ._core.markers import CONSTRAINTS, UNSET, Dependency, Marker, Source


class ParameterOptions(TypedDict, total=False):
    """What a value must be like, and how documents describe it."""

    default_factory: Callable[[], Any]
    """Makes the default, for each request."""
    alias: str
    """The name that clients use, if not that of the parameter."""
    gt: float
    ge: float
    lt: float
    le: float
    multiple_of: float
    min_length: int
    """Of text in characters, of a list in items."""
    max_length: int
    """As ``min_length``."""
    pattern: str
    """A regular expression that is searched for in the text."""
    title: str
    description: str
    examples: list[Any]
    deprecated: bool
    include_in_schema: bool


_DESCRIPTION = ("title", "description", "examples", "deprecated", "include_in_schema")


def _mark(source: Source, first: Any, options: ParameterOptions, **more: bool) -> Any:
    if unknown := sorted(options.keys() - ParameterOptions.__annotations__.keys()):
        hint = "; write pattern=" if "regex" in unknown else ""
        raise TypeError(
            f"{source.capitalize()}: expected {', '.join(ParameterOptions.__annotations__)}, got"
            f" {', '.join(unknown)}{hint}"
        )
    default = UNSET if first is ... else first
    constraints = {name: value for name, value in options.items() if name in CONSTRAINTS}
    description = {name: value for name, value in options.items() if name in _DESCRIPTION}
    factory, alias = options.get("default_factory"), options.get("alias")
    return Marker(source, default, factory, alias, constraints, description, **more)


def Query(default: Any = UNSET, **options: Unpack[ParameterOptions]) -> Any:
    """A value of the query: ``/items?limit=20``.

    Args:
        default: The value if the client sends none. None: without a default, the value is required. In ``Annotated``:
            the name that clients use.
        **options: What the value must be like.

    Returns:
        A marker for ``Annotated`` or for the place of the default.

    Raises:
        TypeError: An unknown option.
    """
    return _mark(Source.QUERY, default, options)


def Path(default: Any = UNSET, **options: Unpack[ParameterOptions]) -> Any:
    """A parameter of the path, to constrain it: ``Annotated[int, Path(ge=1)]``. As ``Query``; it has no default."""
    return _mark(Source.PATH, default, options)


def Header(default: Any = UNSET, *, convert_underscores: bool = True, **options: Unpack[ParameterOptions]) -> Any:
    """A header field. As ``Query``; ``user_agent`` is the field ``User-Agent``, unless ``convert_underscores`` is
    False."""
    return _mark(Source.HEADER, default, options, convert_underscores=convert_underscores)


def Cookie(default: Any = UNSET, **options: Unpack[ParameterOptions]) -> Any:
    """A cookie. As ``Query``."""
    return _mark(Source.COOKIE, default, options)


def Body(default: Any = UNSET, *, embed: bool = False, **options: Unpack[ParameterOptions]) -> Any:
    """The request's body as JSON, of the parameter's type. As ``Query``.

    Several parameters of one handler, or one with ``embed``, are the members of a JSON object.
    """
    return _mark(Source.BODY, default, options, embed=embed)


def Form(default: Any = UNSET, **options: Unpack[ParameterOptions]) -> Any:
    """A text field of a form, urlencoded or multipart. As ``Query``."""
    return _mark(Source.FORM, default, options)


def File(default: Any = UNSET, **options: Unpack[ParameterOptions]) -> Any:
    """A file of a multipart form, as ``UploadFile`` or ``bytes``, or a list of them. As ``Query``."""
    return _mark(Source.FILE, default, options)


def Depends(
    dependency: Callable[..., Any] | None = None,
    *,
    use_cache: bool = True,
    scope: Literal["function", "request"] | None = None,
) -> Any:
    """What a function returns, or a generator yields, that has parameters like a handler.

    Args:
        dependency: The function, async or not (then it runs in a thread), or a class. The rest of a generator, after
            its ``yield``, runs when the handler has ended. None: the parameter's annotation.
        use_cache: Whether it is called once for each request, whoever depends on it.
        scope: When the rest of a generator runs: ``"request"``, after the response was sent or the WebSocket's handler
            has ended, or ``"function"``, before the response is sent. None: ``"request"``.

    Returns:
        A marker for ``Annotated`` or for the place of the default.

    Raises:
        TypeError: ``dependency`` is not callable, or another ``scope``.
    """
    if dependency is not None and not callable(dependency):
        raise TypeError(f"Depends: expected a function or a class, got {dependency!r}")
    if scope not in (None, "function", "request"):
        raise TypeError(f'Depends: expected "function" or "request" as scope, got {scope!r}')
    return Dependency(dependency, use_cache, scope)


def Security(dependency: Callable[..., Any] | None = None, *, use_cache: bool = True) -> Any:
    """As ``Depends``, for what checks who the client is."""
    return Depends(dependency, use_cache=use_cache)
