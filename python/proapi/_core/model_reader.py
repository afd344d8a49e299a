"""The fields of a class from a request or a handshake: each is one value of the query, of headers, of cookies or of a
form. Knows neither handlers nor classes: ``models`` has read them."""

from typing import Any

from ..datastructures import FormData
from .conversion import InvalidValue
from .faults import MOST_FAULTS, Errors, describe, missing
from .markers import Source
from .models import Model
from .parameters import Parameter


class ModelReader:
    """Reads one parameter that is a class with fields."""

    def __init__(self, parameter: Parameter, model: Model) -> None:
        self.source = parameter.source
        self._name = parameter.name
        self._model = model
        self._at = parameter.at[0]
        self._keys = {field.name: field.key for field in model.fields}
        self._known = {field.key.lower() if self.source is Source.HEADER else field.key for field in model.fields}

    def read(self, connection: Any, arguments: dict[str, Any], errors: Errors) -> None:
        """Adds the argument, or what is missing or wrong to ``errors``. Not for forms."""
        values: Any
        if self.source is Source.QUERY:
            values = connection.query_params
        elif self.source is Source.HEADER:
            values = connection.headers
        else:
            values = _OneOfEach(connection.cookies)
        self._read(values, arguments, errors)

    def read_form(self, form: FormData, arguments: dict[str, Any], errors: Errors) -> None:
        """As ``read``."""
        self._read(form, arguments, errors)

    def _read(self, values: Any, arguments: dict[str, Any], errors: Errors) -> None:
        faults: Errors = []
        found: dict[str, Any] = {}
        for field in self._model.fields:
            texts = [each for each in values.getlist(field.key) if isinstance(each, str)]  # not files
            if not texts:
                if field.is_required:
                    faults.append(missing((self._at, field.key)))
                continue
            given = texts if field.is_list else texts[-1]
            try:
                found[field.name] = given if field.convert is None else field.convert(given)
            except InvalidValue as error:
                faults += describe(error, (self._at, field.key), given)
        if self._model.others != "ignore":
            self._read_others(values, found, faults)
        if not faults:
            try:
                arguments[self._name] = self._model.make(found)
            except InvalidValue as error:
                faults = [self._with_key(each) for each in describe(error, (self._at,), found)]
        errors += faults[:MOST_FAULTS]

    def _read_others(self, values: Any, found: dict[str, Any], faults: Errors) -> None:
        """Refuses the values of other names, or keeps them. Of a form without files."""
        for name in values:
            if name in self._known:
                continue
            texts = [each for each in values.getlist(name) if isinstance(each, str)]
            if self._model.others == "forbid":
                text = texts[-1] if texts else None
                wrong = InvalidValue("extra_forbidden", "Extra inputs are not permitted")
                faults += describe(wrong, (self._at, name), text)
            elif texts and name not in self._keys:
                found[name] = texts if len(texts) > 1 else texts[0]

    def _with_key(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Names the field as clients do. Of one that is missing, pydantic reports all values: a client could make of
        one request a response with as many copies."""
        at, *steps = fault["loc"]
        if steps:
            fault["loc"] = [at, self._keys.get(steps[0], steps[0]), *steps[1:]]
        if fault["type"] == "missing":
            fault["input"] = None
        return fault


class _OneOfEach(dict[str, str]):
    """Cookies, with the methods of a query."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []
