"""Keeps the files of a form: in memory up to a limit, and beyond it in one temporary file for all of them, so that a
thousand files need neither much memory nor many descriptors. It must not know forms."""

import asyncio
import io
import os
import threading
from contextlib import suppress
from typing import Any, BinaryIO

_LARGE = 16 * 1024 * 1024


class Spool:
    """The files of one form, one after the other. What goes to the disk is written in a thread."""

    def __init__(self, memory_bytes: float) -> None:
        self._memory_left = memory_bytes
        self._disk: _Disk | None = None
        self._begin_file()

    def _begin_file(self) -> None:
        self._memory = bytearray()
        self._size = 0
        self._begin: int | None = None  # on the disk

    async def write(self, data: bytes) -> None:
        """Appends to the current file. OSError: the disk is full, for example."""
        self._size += len(data)
        if self._begin is None and len(data) <= self._memory_left:
            self._memory_left -= len(data)
            self._memory += data
            return
        if self._begin is None:
            self._memory_left += len(self._memory)
            data = bytes(self._memory) + data
            self._memory.clear()
        if self._disk is None:
            self._disk = await asyncio.to_thread(_Disk)
        if self._begin is None:
            self._begin = self._disk.size
        await asyncio.to_thread(self._disk.append, data)

    def end_file(self) -> tuple[BinaryIO, int]:
        """Returns the current file and its size. The next write begins another one."""
        file: BinaryIO
        if self._begin is None:
            file = io.BytesIO(self._memory)
        else:
            assert self._disk is not None
            file = io.BufferedReader(_FileOnDisk(self._disk, self._begin, self._size))
        size = self._size
        self._begin_file()
        return file, size


class _Disk:
    """A temporary file without a name. It is closed when nobody refers to it."""

    def __init__(self) -> None:
        import tempfile  # not for programs without uploads

        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (__del__ closes it)
        self.size = 0

    def append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, self.size)
            self.size += written
            rest = rest[written:]

    def read_into(self, buffer: memoryview, at: int) -> int:
        return os.preadv(self._file.fileno(), [buffer], at)

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is None:  # it could not be made
            return
        if self.size > _LARGE:  # to give back its blocks takes long, and this may be the loop's thread
            with suppress(RuntimeError):  # the interpreter ends
                threading.Thread(target=file.close, daemon=True).start()
                return
        file.close()


class _FileOnDisk(io.RawIOBase):
    """One of the files on the disk, read-only, with a position of its own."""

    def __init__(self, disk: _Disk, begin: int, size: int) -> None:
        self._disk: _Disk | None = disk
        self._begin = begin
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        assert self._disk is not None
        room = memoryview(buffer)[: max(self._size - self._at, 0)]
        count = self._disk.read_into(room, self._begin + self._at) if room else 0
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"expected a position from 0, got {at}")
        self._at = at
        return at

    def tell(self) -> int:
        self._check_open()
        return self._at

    def close(self) -> None:
        self._disk = None
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("expected an open file, got one that is closed")
