"""Reads a multipart form as its body arrives: text fields and files, in constant memory."""

import math
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any

from ..datastructures import FormData
from ..errors import RequestBodyError
from ..uploads import UploadFile
from .binding import FormReader
from .spool import Spool

SPOOL_BYTES = 1024 * 1024
"""How much of a form's files is kept in memory."""

Pairs = list[tuple[str, str | UploadFile]]


class FormCall:
    """What ``request.form()`` returns: to be awaited, or entered with ``async with``, which closes the files."""

    __slots__ = ("_form", "_reading")

    def __init__(self, reading: Coroutine[Any, Any, FormData]) -> None:
        self._reading = reading

    def __await__(self) -> Generator[Any, None, FormData]:
        return self._reading.__await__()

    async def __aenter__(self) -> FormData:
        self._form = await self._reading
        return self._form

    async def __aexit__(self, *_: object) -> None:
        await self._form.close()


async def read_whole_form(reader: FormReader, body: bytes) -> Pairs:
    """As ``read_form``, of a body that is in memory already, where its files stay."""
    filler = _Filler(Spool(math.inf))
    await filler.add(reader.feed(body, is_last=True))
    return filler.pairs


async def read_form(reader: FormReader, parts: AsyncIterator[bytes]) -> Pairs:
    """Returns the fields and files in order.

    Raises:
        RequestBodyError: The form is malformed (400), has too many fields or files (400) or too much text (413).
        OSError: The disk is full, for example.
        Exception: What ``parts`` raises.
    """
    filler = _Filler(Spool(SPOOL_BYTES))
    async for part in parts:
        await filler.add(reader.feed(part, is_last=False))
    await filler.add(reader.feed(b"", is_last=True))
    return filler.pairs


class _Filler:
    """Makes fields and files of the reader's events."""

    def __init__(self, spool: Spool) -> None:
        self.pairs: Pairs = []
        self._spool = spool
        self._file: tuple[str, str, str]

    async def add(self, read: tuple[int, str, list[Any]]) -> None:
        status, wrong, events = read
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        for event in events:
            if isinstance(event, bytes):
                await self._spool.write(event)
            elif event is None:
                name, filename, content_type = self._file
                file, size = self._spool.end_file()
                self.pairs.append((name, UploadFile(file, size=size, filename=filename, content_type=content_type)))
            elif len(event) == 2:
                self.pairs.append(event)
            else:
                self._file = event
