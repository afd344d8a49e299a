"""A shell in a web page: octets in both directions are those of a terminal, text messages are commands about it.

The size of the window is in the URL, ws://127.0.0.1:8000/terminal?rows=24&cols=80, and changes by the message
{"type": "resize", "rows": 40, "cols": 120}. Whoever knows the token has the rights of the user who runs this program.
Pages can't set headers of a handshake, so it comes as a subprotocol: new WebSocket(url, ["bearer." + token]).
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
import struct
import termios
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from proapi import Depends, HTTPException, ProAPI, Query, WebSocket

app = ProAPI()

TOKEN = os.environ.get("TERMINAL_TOKEN") or secrets.token_urlsafe()
SHELL = os.environ.get("SHELL", "/bin/sh")

Size = Annotated[int, Query(ge=1, le=1000)]


class Resize(msgspec.Struct):
    type: Literal["resize"]
    rows: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    cols: Annotated[int, msgspec.Meta(ge=1, le=1000)]


async def check_token(websocket: WebSocket) -> str:
    """Returns the subprotocol to accept."""
    for each in websocket.subprotocols:
        if secrets.compare_digest(each.encode(), f"bearer.{TOKEN}".encode()):
            return each
    raise HTTPException(401, "Expected the subprotocol bearer.<token>, with the token that the server has printed.")


@app.websocket("/terminal")
async def terminal(
    websocket: WebSocket, subprotocol: Annotated[str, Depends(check_token)], rows: Size = 24, cols: Size = 80
) -> None:
    async with start_shell(rows, cols) as (reader, master):
        await websocket.accept(subprotocol=subprotocol)
        websocket.spawn(show(reader, websocket))
        async for message in websocket:
            if isinstance(message, bytes):
                await asyncio.to_thread(write_all, master, message)  # a program that does not read makes its user wait
            else:
                resize = msgspec.json.decode(message, type=Resize)
                set_size(master, resize.rows, resize.cols)


async def show(reader: asyncio.StreamReader, websocket: WebSocket) -> None:
    """Sends what the terminal shows. A slow page makes the program that writes wait."""
    with contextlib.suppress(OSError):  # Linux reports the end of a terminal as EIO
        while output := await reader.read(16 * 1024):
            await websocket.send_bytes(output)
    await websocket.close(1000, "the shell has ended")


@contextlib.asynccontextmanager
async def start_shell(rows: int, cols: int) -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Runs a shell on a new terminal, and hangs up at the end. Yields what it writes, and the terminal's descriptor."""
    master, slave = os.openpty()
    set_size(master, rows, cols)
    try:
        # setsid --ctty makes the terminal that of the shell, so that Ctrl-C and jobs work.
        shell = await asyncio.create_subprocess_exec(
            "setsid", "--ctty", SHELL, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}
        )
    finally:
        os.close(slave)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(master), "rb", buffering=0)
    )
    try:
        yield reader, master
    finally:
        transport.close()
        os.close(master)
        if shell.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGHUP)
        await shell.wait()


def set_size(master: int, rows: int, cols: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def write_all(master: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(master, octets) :]


if __name__ == "__main__":
    print(f"The token is {TOKEN}")
    app.run(fast=True)
