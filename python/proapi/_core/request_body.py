"""Reads a request's body from its exchange, whole or in parts. It must not know what the body means."""

from collections.abc import AsyncIterator

from ..errors import ClientDisconnect, RequestBodyError
from .exchange import Exchange


async def read_parts(exchange: Exchange) -> AsyncIterator[bytes]:
    """Yields the parts of a body in the order in which they arrive. While nobody asks for the next one, the client is
    held back.

    Raises:
        ClientDisconnect: The client has left before the body was complete.
        RequestBodyError: The body is too long (413), came too slowly (408), or is malformed (400).
    """
    while (part := await exchange.read_body()) is not None:
        yield part
    if refusal := exchange.body_refusal:
        status, text = refusal
        raise RequestBodyError(text, status)
    if not exchange.is_body_whole:
        raise ClientDisconnect("the client disconnected before its request's body was complete")


async def read_whole(exchange: Exchange) -> bytes:
    """Returns the body once it is complete. Raises as ``read_parts``."""
    return b"".join([part async for part in read_parts(exchange)])


async def read_more_than(octets: int, exchange: Exchange) -> bytes:
    """As ``read_whole``, but stops when more than so many octets have come."""
    parts, size = [], 0
    async for part in read_parts(exchange):
        parts.append(part)
        size += len(part)
        if size > octets:
            break
    return b"".join(parts)
