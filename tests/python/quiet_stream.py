"""A streamed response that has opened its iterator and sends nothing."""

import asyncio
from typing import Any

from proapi import ProAPI, StreamingResponse


def quiet_stream() -> tuple[ProAPI, asyncio.Event, asyncio.Event]:
    """Returns the application, and two events that are set when its iterator has been opened and closed."""
    app = ProAPI()
    opened, closed = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def quiet() -> StreamingResponse:
        async def parts() -> Any:
            try:
                opened.set()
                await asyncio.Event().wait()
                yield b""
            finally:
                closed.set()

        return StreamingResponse(parts())

    return app, opened, closed
