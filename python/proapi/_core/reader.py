"""The values that one function takes from a request or a handshake: found, converted, or reported as missing or wrong.

Knows neither handlers nor dependencies.
"""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from ..datastructures import FormData
from ..errors import HTTPException, RequestValidationError
from ..uploads import UploadFile
from .body import Decode, make_decode
from .conversion import InvalidValue, unwrap
from .faults import Errors, describe, describe_json, missing
from .markers import Source
from .model_reader import ModelReader
from .parameters import Parameter, Parameters


class Reader:
    """Reads what one function takes from a request or a handshake."""

    def __init__(self, parameters: Parameters, path: Mapping[str, str], *, reads_content: bool = False) -> None:
        """ValueError: JSON can't become the type of the body."""
        self.reads_content = reads_content
        """Whether the function reads ``request.content`` without awaiting the body, which is whole then."""
        self.connection = parameters.connection
        """The parameter that the connection or the request is passed to."""
        as_it_is = [each.name for each in parameters.values if each.source is Source.PATH and each.convert is None]
        self._from_path = tuple(path) if parameters.takes_rest else tuple(as_it_is)
        self._texts = tuple(
            (each, each.source, each.key.lower() if each.source is Source.HEADER else each.key)
            for each in parameters.values
            if each.convert is not None and each.source is not Source.FORM
        )
        is_form = (Source.FORM, Source.FILE)
        self._form = tuple(each for each in parameters.values if each.source in is_form and each.model is None)
        models = [ModelReader(each, each.model) for each in parameters.values if each.model is not None]
        self._form_models = tuple(each for each in models if each.source is Source.FORM)
        body = _make_body([each for each in parameters.values if each.source is Source.BODY])
        self._wholes: tuple[ModelReader | _Body | _Bodies, ...] = tuple(
            each for each in (*models, body) if each is not None and each not in self._form_models
        )
        """What takes more than one value."""
        self.takes_form = bool(self._form or self._form_models)
        self.takes_body = body is not None
        self.is_trivial = not (
            self._texts or self.takes_form or self._wholes or parameters.dependencies or reads_content
        )
        """Whether the function takes the connection and values of the path as they are, and no more."""
        if self.takes_body and self.takes_form:
            raise ValueError("expected a body of JSON or of a form, got parameters of both")

    def read(self, connection: Any) -> dict[str, Any]:
        """Returns the arguments. RequestValidationError: values of the client are missing or wrong."""
        errors: Errors = []
        arguments = self.collect(connection, errors)
        if errors:
            raise RequestValidationError(errors)
        return arguments

    def collect(self, connection: Any, errors: Errors) -> dict[str, Any]:
        """Returns the arguments, without those of a form and those that are missing or wrong: these are added to
        ``errors``."""
        arguments: dict[str, Any] = {}
        if self._from_path:
            values = connection.path_params
            for name in self._from_path:
                arguments[name] = values[name]
        for parameter, source, key in self._texts:
            if source is Source.QUERY:
                values = connection.query_params
                found = (values.getlist(key) or None) if parameter.is_list else values.last.get(key)
            elif source is Source.HEADER:
                values = connection.headers
                found = (values.getlist(key) or None) if parameter.is_list else values.last.get(key)
            elif source is Source.COOKIE:
                found = connection.cookies.get(key)
                if parameter.is_list and found is not None:
                    found = [found]
            else:
                found = connection.path_params[key]
            _convert(parameter, found, arguments, errors)
        for whole in self._wholes:
            whole.read(connection, arguments, errors)
        self.keep_content(connection)
        if self.connection is not None:
            arguments[self.connection] = connection
        return arguments

    def keep_content(self, connection: Any) -> None:
        """From now on ``request.content`` may be read without awaiting, if the function does, and no form takes it."""
        if self.reads_content:
            connection._info.body  # noqa: B018 (asked for, and thereby kept)

    async def collect_later(self, request: Any, errors: Errors) -> dict[str, Any]:
        """As ``collect``, also values of a form. Waits for the body."""
        if self.takes_body:
            await request.body()
        arguments = self.collect(request, errors)
        if self.takes_form:
            await self._collect_form(request, arguments, errors)
        return arguments

    async def _collect_form(self, request: Any, arguments: dict[str, Any], errors: Errors) -> None:
        try:
            form = await request._whole_form()
        except HTTPException as error:
            if error.status_code != 415 or request.headers.get("content-type"):
                raise
            form = FormData()
        for model in self._form_models:
            model.read_form(form, arguments, errors)
        for parameter in self._form:
            found = form.getlist(parameter.key)
            if parameter.source is Source.FORM:
                values = [each for each in found if isinstance(each, str)]
                value = (values or None) if parameter.is_list else (values[-1] if values else None)
                _convert(parameter, value, arguments, errors)
            else:
                await _take_files(
                    parameter, [each for each in found if isinstance(each, UploadFile)], arguments, errors
                )


def _convert(parameter: Parameter, found: Any, arguments: dict[str, Any], errors: Errors) -> None:
    if found is None:
        if parameter.is_required:
            errors.append(missing(parameter.at))
        else:
            arguments[parameter.name] = parameter.make_default()
        return
    try:
        arguments[parameter.name] = parameter.convert(found)  # type: ignore[misc]
    except InvalidValue as error:
        errors += describe(error, parameter.at, found)


async def _take_files(parameter: Parameter, found: list[UploadFile], arguments: dict[str, Any], errors: Errors) -> None:
    annotation, _ = unwrap(parameter.annotation)
    is_list = get_origin(annotation) is list
    item, _ = unwrap(get_args(annotation)[0]) if is_list else (annotation, None)
    values = [await each._read_whole() for each in found] if item is bytes else found
    if not values:
        if parameter.is_required:
            errors.append(missing(parameter.at))
        else:
            arguments[parameter.name] = parameter.make_default()
    else:
        arguments[parameter.name] = values if is_list else values[-1]


# ---- body ----


class _Body:
    """One value that is the whole body."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self._decode = _make_decode(parameter)

    def read(self, request: Any, arguments: dict[str, Any], errors: Errors) -> None:
        data = request._info.body
        parameter = self._parameter
        if not data:
            if parameter.is_required:
                errors.append(missing(("body",)))
            else:
                arguments[parameter.name] = parameter.make_default()
            return
        require_json(request)
        try:
            arguments[parameter.name] = self._decode(data)
        except InvalidValue as error:
            errors += describe_json(error, ("body",), data)


class _Bodies:
    """Several values, or embedded ones: the members of a JSON object."""

    def __init__(self, parameters: list[Parameter]) -> None:
        self._members = [(each, _make_decode(each)) for each in parameters]
        self._split = make_decode(dict[str, msgspec.Raw])

    def read(self, request: Any, arguments: dict[str, Any], errors: Errors) -> None:
        members: dict[str, Any] = {}
        if data := request._info.body:
            require_json(request)
            try:
                members = self._split(data)
            except InvalidValue as error:
                errors += describe_json(error, ("body",), data)
                return
        for parameter, decode in self._members:
            if (raw := members.get(parameter.key)) is None:
                if parameter.is_required:
                    errors.append(missing(parameter.at))
                else:
                    arguments[parameter.name] = parameter.make_default()
                continue
            try:
                arguments[parameter.name] = decode(bytes(raw))
            except InvalidValue as error:
                errors += describe_json(error, parameter.at, bytes(raw))


def _make_body(parameters: list[Parameter]) -> _Body | _Bodies | None:
    if not parameters:
        return None
    if len(parameters) == 1 and not parameters[0].embed:
        return _Body(parameters[0])
    return _Bodies(parameters)


def _make_decode(parameter: Parameter) -> Decode:
    try:
        return make_decode(parameter.annotation, parameter.constraints)
    except TypeError as error:
        raise ValueError(f"{parameter.name}: {error}") from None


def require_json(request: Any) -> None:
    """Raises HTTPException 415 if the request says that its body is not JSON.

    Pages of other sites can send some other types without asking first (CORS).
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(415, f"expected application/json as Content-Type, got {media_type[:100]}")
