"""Files that clients upload in forms."""

import asyncio
import io
import os
from typing import BinaryIO

_COPIED_BYTES = 1024 * 1024


class UploadFile:
    """A file of a form, complete: in memory, or, when the form's files have more than 1 MiB, in a temporary file.

    The file lives as long as the object, also after the response. ``close()`` gives back memory and disk earlier.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int | None = None,
        filename: str | None = None,
        content_type: str = "text/plain",
    ) -> None:
        """For tests: a handler gets its files from the form.

        Args:
            file: What is read, from its start.
            size: Octets. None: as far as ``file`` goes.
            filename: What the client calls the file.
            content_type: What the client says it is.
        """
        self.file = file
        """The file itself, open for reading in binary. It may read from the disk: use it in threads, or ``read()``."""
        self.filename = filename or ""
        """What the client sent. Never use it as a path to write to: it may be ``../../etc/passwd``, or empty."""
        self.content_type = content_type
        self.size = _measure(file) if size is None else size
        """Octets."""

    @property
    def data(self) -> bytes:
        """All octets, wherever the position is. Reads from the disk unless the file is in memory."""
        if isinstance(self.file, io.BytesIO):
            return self.file.getvalue()
        at = self.file.tell()
        try:
            self.file.seek(0)
            return self.file.read()
        finally:
            self.file.seek(at)

    async def read(self, size: int = -1) -> bytes:
        """Returns the next ``size`` octets, fewer at the end; -1: all that follow."""
        if self._is_in_memory:
            return self.file.read(size)
        return await asyncio.to_thread(self.file.read, size)

    async def _read_whole(self) -> bytes:
        """``data``, without blocking."""
        return self.data if self._is_in_memory else await asyncio.to_thread(lambda: self.data)

    async def seek(self, offset: int) -> None:
        """Sets the position, from the start."""
        self.file.seek(offset)

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all octets to a file of your naming, in a thread. OSError: it can't be written."""
        await asyncio.to_thread(self._save, path)

    def _save(self, path: str | os.PathLike[str]) -> None:
        self.file.seek(0)
        with open(path, "wb") as target:
            while part := self.file.read(_COPIED_BYTES):
                target.write(part)

    async def close(self) -> None:
        """Gives back memory and disk. A second call does nothing."""
        self.file.close()

    @property
    def _is_in_memory(self) -> bool:
        return isinstance(self.file, io.BytesIO)

    def __repr__(self) -> str:
        return f"UploadFile(filename={self.filename!r}, size={self.size}, content_type={self.content_type!r})"


def _measure(file: BinaryIO) -> int:
    at = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(at)
    return size
