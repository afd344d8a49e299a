"""Classes whose fields are values of the query, of headers, of cookies or of a form: ``Annotated[Filter, Query()]``.

Read once, at registration. Classes of msgspec, dataclasses, TypedDicts, NamedTuples and attrs classes get values that
are converted one by one, as parameters are; a pydantic model validates the texts itself. Knows no requests.
"""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NotRequired, Required, get_args, get_origin

import msgspec
from msgspec import Struct

from .body import from_pydantic, is_json_type
from .conversion import Convert, InvalidValue, make_conversion, takes_list, unwrap
from .marker_search import find_marker
from .markers import UNSET, Marker, Source


class Field(Struct):
    """One value."""

    name: str
    """The name that ``Model.make`` takes."""
    key: str
    """The name that clients use."""
    is_list: bool
    is_required: bool
    """Whether it is missing without a value. Of a pydantic model False: it finds that out itself."""
    convert: Convert | None
    """None: the text is passed as it is."""


class Model(Struct):
    """The fields of one class."""

    fields: list[Field]
    others: Literal["ignore", "forbid", "allow"]
    """What happens to values of other names."""
    make: Callable[[dict[str, Any]], Any]
    """Takes values by name. Raises ``InvalidValue``, whose steps begin with the name of a field."""


class _Found(Struct):
    """A field as its class declares it."""

    name: str
    annotation: Any
    is_required: bool
    alias: str | None = None
    """The name that clients use, if the class says so."""


def has_fields(annotation: Any) -> bool:
    """Whether the annotation names a class with fields."""
    kind, _ = unwrap(annotation)
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or _is_for_pydantic(kind)
    )


def _is_for_pydantic(kind: type) -> bool:
    return hasattr(kind, "__pydantic_fields__") and not getattr(kind, "__pydantic_root_model__", False)


def read_model(name: str, annotation: Any, marker: Marker, parameter: inspect.Parameter) -> Model:
    """Reads the fields of a class.

    Args:
        name: The parameter's name, for errors.
        annotation: What ``has_fields`` accepts.
        marker: Where the values come from.
        parameter: The parameter, which may have no default.

    Raises:
        ValueError: A field is not possible, or the marker says what only a single value can be. The text says what to
            write.
    """
    kind, _ = unwrap(annotation)
    call = marker.source.capitalize()
    has_default = parameter.default is not parameter.empty and parameter.default is not marker
    if has_default or marker.default_factory is not None:
        raise ValueError(f"expected no default of {name!r}: the fields of {kind.__name__} have their own")
    if marker.first is not UNSET or marker.alias is not None or marker.constraints:
        raise ValueError(
            f"expected {call}() without arguments for {name!r}: each field of {kind.__name__} is a value of its own"
        )
    try:
        is_for_pydantic = _is_for_pydantic(kind)
        found = list(_find_pydantic_fields(kind) if is_for_pydantic else _find_fields(kind))
        _refuse_other_arguments(kind, found)
        fields = [_read_field(each, marker, converts=not is_for_pydantic) for each in found]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {kind.__name__}: {error}") from None
    if is_for_pydantic:
        return Model(fields, _find_extra(kind), _make_validation(kind))
    config = getattr(kind, "__struct_config__", None)
    forbids = config is not None and config.forbid_unknown_fields
    return Model(fields, "forbid" if forbids else "ignore", _make_construction(kind))


def refuse_shared_source(values: Iterable[tuple[str, Source, Model | None]]) -> None:
    """ValueError: a model refuses what another parameter of the same function takes.

    Args:
        values: The name, source and model of each parameter.
    """
    given = [(name, Source.FORM if source is Source.FILE else source, model) for name, source, model in values]
    for name, source, model in given:
        if model is None or model.others != "forbid":
            continue
        for other, its_source, _ in given:
            if its_source is source and other != name:
                raise ValueError(
                    f"expected {name!r} as the only {source.capitalize()} parameter, because its class forbids other"
                    f" names, got {other!r} too: make it a field of the class"
                )


# ---- what classes declare ----


def _find_fields(kind: type) -> Iterator[_Found]:
    if issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            alias = field.encode_name if field.encode_name != field.name else None
            yield _Found(field.name, field.type, field.required, alias)
        return
    hints = _find_hints(kind)
    if typing.is_typeddict(kind):
        for name, hint in hints.items():
            is_required = name in getattr(kind, "__required_keys__", ())
            if (origin := get_origin(hint)) in (Required, NotRequired):  # __required_keys__ does not see it in text
                is_required, hint = origin is Required, get_args(hint)[0]
            yield _Found(name, hint, is_required)
    elif hasattr(kind, "__attrs_attrs__"):
        nothing = sys.modules["attr"].NOTHING
        for each in kind.__attrs_attrs__:
            if each.init:
                yield _Found(each.alias, hints.get(each.name, str), each.default is nothing)
    elif dataclasses.is_dataclass(kind):
        for one in dataclasses.fields(kind):
            if one.init:
                has_none = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
                yield _Found(one.name, hints[one.name], has_none)
    else:
        named: Any = kind
        for name in named._fields:
            yield _Found(name, hints.get(name, str), name not in named._field_defaults)


def _find_hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise ValueError(f"expected annotations that are known where the class is defined: {error}") from None


def _find_pydantic_fields(kind: Any) -> Iterator[_Found]:
    for name, field in kind.__pydantic_fields__.items():
        alias = field.validation_alias
        if alias is not None and not isinstance(alias, str):
            raise ValueError(f"expected one name as validation_alias of {name!r}, got {alias!r}")
        yield _Found(name, field.annotation, field.is_required(), alias)


def _find_extra(kind: Any) -> Literal["ignore", "forbid", "allow"]:
    config = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}
    extra: Literal["ignore", "forbid", "allow"] | None = config.get("extra")
    return extra or "ignore"


def _refuse_other_arguments(kind: Any, found: list[_Found]) -> None:
    """ValueError: the constructor needs more than the fields, as with ``InitVar`` or an ``__init__`` of its own."""
    if typing.is_typeddict(kind) or _is_for_pydantic(kind):
        return
    names = {each.name for each in found}
    for each in inspect.signature(kind).parameters.values():
        is_needed = each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        if is_needed and each.name not in names:
            raise ValueError(f"expected a constructor that takes the fields, but it needs {each.name!r} too")


# ---- values ----


def _read_field(found: _Found, marker: Marker, *, converts: bool) -> Field:
    """ValueError: no text can become the field."""
    name, annotation = found.name, found.annotation
    if find_marker(name, annotation) is not None:
        raise ValueError(f"expected a field without a marker, got one at {name!r}: the parameter has it")
    key = found.alias or name
    if marker.source is Source.HEADER and marker.convert_underscores and found.alias is None:
        key = name.replace("_", "-")
    if not converts:
        if is_json_type(annotation):
            raise _not_text(name, annotation)
        return Field(found.alias or name, key, takes_list(annotation), False, None)
    made = make_conversion(annotation, {})
    if made is None:
        raise _not_text(name, annotation)
    return Field(name, key, made[1], found.is_required, made[0])


def _not_text(name: str, annotation: Any) -> ValueError:
    written = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else annotation
    return ValueError(f"expected a type that text can become, or a list of one, as field {name!r}, got {written}")


def _make_construction(kind: Any) -> Callable[[dict[str, Any]], Any]:
    def construct(values: dict[str, Any]) -> Any:
        try:
            return kind(**values)
        except ValueError as error:  # of __post_init__ or a validator
            raise InvalidValue("value_error", str(error)) from None

    return construct


def _make_validation(kind: Any) -> Callable[[dict[str, Any]], Any]:
    pydantic = sys.modules["pydantic"]
    validate_it = pydantic.TypeAdapter(kind).validate_python

    def validate(values: dict[str, Any]) -> Any:
        try:
            return validate_it(values)
        except pydantic.ValidationError as error:
            raise from_pydantic(error) from None

    return validate
