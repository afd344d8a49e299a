"""Uploads with a progress bar, of files of any size in constant memory.

A page opens ws://127.0.0.1:8000/uploads?filename=cat.jpg&size=123456 and sends the file in binary messages, of 64 KiB
for example. Each is answered with how much has been stored, so that the page knows what has arrived, not what it has
sent. Others watch all uploads at /progress. Files get names of our own: a client's name is only shown, never a path.
"""

import asyncio
import hashlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from proapi import ProAPI, Query, WebSocket

app = ProAPI()

FOLDER = Path(os.environ.get("UPLOADS") or tempfile.mkdtemp(prefix="uploads-"))
MOST = 4 * 1024**3

watchers: set[WebSocket] = set()


@app.websocket("/uploads")
async def upload(
    websocket: WebSocket,
    filename: Annotated[str, Query(min_length=1, max_length=255)],
    size: Annotated[int, Query(ge=0, le=MOST)],
) -> None:
    async with new_file() as (name, file):
        await websocket.accept()
        received, digest = 0, hashlib.sha256()
        while received < size:
            octets = await websocket.receive_bytes()
            received += len(octets)
            if received > size:
                await websocket.close(1008, f"expected {size} octets, got more")
                return
            digest.update(octets)
            await asyncio.to_thread(file.write, octets)  # no more is read from the socket meanwhile
            await websocket.send_json({"received": received})
            tell({"file": name, "filename": filename, "received": received, "size": size})
        path = FOLDER / name
        await asyncio.to_thread(os.rename, file.name, path)
    await websocket.send_json({"file": name, "sha256": digest.hexdigest()})


@asynccontextmanager
async def new_file() -> AsyncIterator[tuple[str, BinaryIO]]:
    """Yields a name and a file, which is deleted unless it was renamed."""
    name = secrets.token_hex(8)
    part = FOLDER / f"{name}.part"
    try:
        with part.open("xb", buffering=0) as file:
            yield name, file
    finally:
        part.unlink(missing_ok=True)


@app.websocket("/progress")
async def watch(websocket: WebSocket) -> None:
    await websocket.accept()
    watchers.add(websocket)
    try:
        await websocket.wait_closed()
    finally:
        watchers.discard(websocket)


def tell(progress: dict[str, object]) -> None:
    for watcher in watchers:
        watcher.send_json(progress)


if __name__ == "__main__":
    print(f"Files are stored in {FOLDER}")
    app.run(fast=True)
