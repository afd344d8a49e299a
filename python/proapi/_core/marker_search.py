"""The marker in an annotation: ``Query(...)``, ``Depends(...)`` and their like in ``Annotated``."""

from typing import Annotated, Any, get_args, get_origin

from .. import params
from .conversion import is_named_type
from .markers import Dependency, Marker

# What may stand in Annotated without a call: Annotated[str, Query].
_BARE = (
    *(params.Query, params.Path, params.Header, params.Cookie),
    *(params.Body, params.Form, params.File, params.Depends, params.Security),
)


def find_marker(name: str, annotation: Any) -> Marker | Dependency | None:
    """Returns the last marker in Annotated, also below names of types.

    ValueError: a marker is inside of another type, as in ``Optional[Annotated[str, Header()]]``. Left out, it would let
    clients choose in the query what a header or a dependency should say.
    """
    if is_named_type(annotation):
        return find_marker(name, annotation.__value__)
    if get_origin(annotation) is Annotated:
        found = find_marker(name, annotation.__origin__)
        for each in annotation.__metadata__:
            if isinstance(each, (Marker, Dependency)):
                found = each
            elif any(each is bare for bare in _BARE):
                found = each()
        return found
    if _has_marker(annotation, set()):
        raise ValueError(
            f"expected the marker of {name!r} around its whole type, as in Annotated[str | None, Header()], got"
            f" {annotation}"
        )
    return None


def _has_marker(annotation: Any, seen: set[int]) -> bool:
    if is_named_type(annotation):  # which may contain itself
        if id(annotation) in seen:
            return False
        return _has_marker(annotation.__value__, {*seen, id(annotation)})
    if get_origin(annotation) is Annotated:
        is_marked = any(isinstance(each, (Marker, Dependency)) or each in _BARE for each in annotation.__metadata__)
        return is_marked or _has_marker(annotation.__origin__, seen)
    return any(_has_marker(each, seen) for each in get_args(annotation))
