"""One HTTP request and its response, as the package sees them: the engine's own, or one over another server."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from .binding import RequestInfo

Pairs = list[tuple[str, str]]


class Exchange(Protocol):
    """As the engine's ``Exchange``. A response is whole (``respond``) or streamed (``start`` to ``finish``)."""

    @property
    def request(self) -> RequestInfo: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def client_left(self) -> bool:
        """It is gone, or has ended its side, after which it may still read. Under an ASGI server this is known a turn
        of the loop after it was first asked."""

    def on_end(self, callback: Callable[[], object] | None) -> None:
        """Calls it, in place of an earlier one, once the client is gone; soon, where it is already."""

    def end_with_client(self) -> None:
        """From now on a client that ends its side is gone."""

    def respond(self, status: int, headers: Pairs, body: bytes) -> None: ...
    def respond_with_file(self, status: int, headers: Pairs, path: bytes) -> None: ...
    def start(self, status: int, headers: Pairs, content_length: int | None) -> None: ...
    def write(self, data: bytes) -> Awaitable[bool]: ...
    def finish(self) -> None: ...
    def fail(self) -> None: ...
