"""Every exception that the package raises for its users. The texts say what was expected and what came."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypedDict, Unpack, cast


class RouteError(ValueError):
    """A route or handler can't be registered. The text names the handler's file and line."""


class NoMatchFound(LookupError):
    """``url_path_for``: no route has that name and these parameters."""


class WebSocketError(Exception):
    """Base class of the exceptions of a WebSocket connection."""


class WebSocketDisconnect(WebSocketError):
    """The connection has ended: nothing more can be received or sent.

    Args:
        code: The close code.
        reason: The reason; None is "".
    """

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason or "")
        self.code = code
        self.reason = reason or ""

    def __str__(self) -> str:
        return f"the connection has ended with code {self.code}" + (f" ({self.reason})" if self.reason else "")


class WebSocketStateError(WebSocketError, RuntimeError):
    """A call in the wrong state: before ``accept()``, a second ``accept()``, two receives at once."""


class WebSocketMessageError(WebSocketError, ValueError):
    """A message is not of the kind that was asked for. The message is ``data``, and the connection stays open.

    If the exception leaves the handler, the connection is closed with ``close_code``: 1003 for the wrong kind of
    message, 1007 for a message that is not JSON or not of the type (RFC 6455 section 7.4.1).
    """

    def __init__(self, text: str, data: str | bytes = "", close_code: int = 1007) -> None:
        super().__init__(text, data, close_code)
        self.data = data
        self.close_code = close_code

    def __str__(self) -> str:
        return str(self.args[0])


def check_status(status: object) -> None:
    """Raises ValueError unless ``status`` is one that an application's response may have."""
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"expected a status from 200 to 599, got {status!r}")


class OlderStatus(TypedDict, total=False):
    """The keyword from before ``status_code``."""

    status: int


class HTTPException(Exception):
    """Ends an HTTP handler with a response of this status and ``detail`` as its text, or as JSON if it is not a str.

    Raised before ``accept()``, it refuses a WebSocket's handshake with that response (status 300 to 599).
    """

    def __init__(
        self,
        status_code: int | None = None,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
        **older: Unpack[OlderStatus],
    ) -> None:
        """Creates the exception.

        Args:
            status_code: 200 to 599.
            detail: The text of the response. None: the reason phrase, such as "Not Found". Anything but a str is sent
                as the JSON ``{"detail": detail}``.
            headers: Fields of the response.
            **older: ``status``, the older name of ``status_code``.

        Raises:
            ValueError: The status is out of range.
            TypeError: A keyword is unknown.
        """
        if older:
            if unknown := older.keys() - OlderStatus.__annotations__.keys():
                raise TypeError(
                    f"HTTPException: expected status_code, detail and headers, got {', '.join(sorted(unknown))}"
                )
            status_code = older.get("status", status_code)
        check_status(status_code)
        status_code = cast("int", status_code)
        if detail is None:
            detail = _reason_phrase(status_code)
        super().__init__(status_code, detail)
        self.status_code = status_code
        self.detail: Any = detail
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The older name of ``status_code``."""
        return self.status_code

    @status.setter
    def status(self, status: int) -> None:
        self.status_code = status

    def __str__(self) -> str:
        return f"{self.status_code} {self.detail}".rstrip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self), self.args, self.__dict__)


def _reason_phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return ""


def _remake(kind: type[HTTPException], args: tuple[Any, ...], state: dict[str, Any]) -> HTTPException:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ClientDisconnect(Exception):
    """The client has left before its request's body was complete. A handler that ends with it has ended normally."""


class RequestBodyError(HTTPException, ValueError):
    """The request's body is not what the handler asked for, is too long (413), or came too slowly (408).

    If it leaves the handler, the response has ``status_code``, by default 400.
    """

    detail: str

    def __init__(self, detail: str, status_code: int = 400, **older: Unpack[OlderStatus]) -> None:
        super().__init__(status_code, detail, **older)


class MissingFieldError(HTTPException, KeyError):
    """``[]`` of query parameters, headers or a form was given a name that the request does not have.

    If it leaves the handler, the response is a 400.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class RequestValidationError(HTTPException, ValueError):
    """Values that the client has sent are missing or wrong, or the body is.

    If it leaves the handler, or if the handler never began, the response is a 422 with ``{"detail": [...]}``; the
    handshake of a WebSocket is refused with it.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        """Creates the exception.

        Args:
            errors: What is wrong, one each: ``type``, ``loc`` (the source and the steps to the value), ``msg`` and
                ``input``.
        """
        super().__init__(422, "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors))
        self._errors = errors

    def errors(self) -> list[dict[str, Any]]:
        """Returns what is wrong, as the constructor got it."""
        return self._errors


class EventError(Exception):
    """A message that ``app.events`` can't handle, or that its function refuses. The client gets it as a message.

    ``raise EventError("no such room")`` in the function of a message. ``kind`` is ``"refused"`` then, and otherwise
    what is wrong: ``"malformed"`` (not JSON, or no name), ``"unknown"`` (no function has that name), ``"invalid"`` (not
    the members that the function takes), ``"failed"`` (the function raised another exception).
    """

    def __init__(self, text: str, *, kind: str = "refused", errors: list[dict[str, Any]] | None = None) -> None:
        """Creates the exception.

        Args:
            text: What the client is told.
            kind: What is wrong, for ``events.error``; any text of the program's own.
            errors: The faults of an invalid message, as of ``RequestValidationError``.
        """
        super().__init__(text)
        self.kind = kind
        self.errors = errors or []
