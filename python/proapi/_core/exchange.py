"""One HTTP request and its response, as the package sees them: over the engine's socket or over another server."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from .binding import FoundFile, RequestInfo

Pairs = list[tuple[str, str]]


class Exchange(Protocol):
    """The interface of the engine's ``Exchange``.

    A response is whole (``respond``) or streamed (``start`` to ``finish``).
    """

    @property
    def request(self) -> RequestInfo: ...
    @property
    def refusal(self) -> tuple[int, str, Pairs] | None: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def client_left(self) -> bool:
        """The client has disconnected, or has ended its side, after which it may still read.

        Under an ASGI server this is known one turn of the loop after the first call.
        """

    def read_body(self) -> Awaitable[bytes | None]:
        """Waits for the next part of the request's body. None: nothing more comes, because the body is whole or has
        failed, or because the client has left."""

    @property
    def is_body_whole(self) -> bool: ...
    @property
    def body_refusal(self) -> tuple[int, str] | None:
        """Status and text of the answer to a body that has failed."""

    def on_end(self, callback: Callable[[], object] | None) -> None:
        """Calls the callback once when the client disconnects, or soon if it has already. Replaces an earlier one."""

    def end_with_client(self) -> None:
        """From now on a client that ends its side counts as disconnected."""

    def respond(self, status: int, headers: Pairs, body: bytes) -> None: ...
    def respond_with_file(self, status: int, headers: Pairs, path: bytes) -> None: ...
    def respond_with_found(self, status: int, headers: Pairs, file: FoundFile) -> None: ...
    def start(self, status: int, headers: Pairs, content_length: int | None) -> None: ...
    def write(self, data: bytes) -> Awaitable[bool]: ...
    def flush(self) -> Awaitable[None]:
        """Sends what there is of the response, as far as the client takes it."""

    def finish(self) -> None: ...
    def fail(self, *, stopping: bool = ...) -> None: ...
