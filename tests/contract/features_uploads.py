"""The routes of the contract application that read a request's body in parts. The C++ twin is features_uploads.cpp."""

import asyncio
import os
import zlib
from typing import Annotated, Any

from proapi import ClientDisconnect, Form, HTTPException, ProAPI, Request, StreamingResponse, UploadFile

LARGEST = 4 * 2**30


def register_uploads(app: ProAPI) -> None:
    counts = {"begun": 0, "left": 0, "parts": 0}
    may_read = asyncio.Event()

    @app.post("/features/upload", max_body_size=LARGEST)
    async def upload(request: Request) -> dict[str, Any]:
        """Answers with the size and the checksum. Counts the parts, and the clients that leave."""
        counts["begun"] += 1
        if "wait" in request.query_params:
            await may_read.wait()
        size, checksum = 0, zlib.adler32(b"")
        try:
            async for part in request.stream():
                counts["parts"] += 1
                size += len(part)
                checksum = zlib.adler32(part, checksum)
        except ClientDisconnect:
            counts["left"] += 1
            raise
        return {"size": size, "adler32": checksum}

    @app.get("/features/upload/counts")
    async def count() -> dict[str, int]:
        return counts

    @app.post("/features/upload/go")
    async def go() -> None:
        may_read.set()

    @app.post("/features/upload/small", max_body_size=1000)
    async def small(request: Request) -> dict[str, Any]:
        return {"size": sum([len(part) async for part in request.stream()])}

    @app.post("/features/upload/small/caught", max_body_size=1000)
    async def caught(request: Request) -> dict[str, Any]:
        try:
            return {"size": sum([len(part) async for part in request.stream()])}
        except HTTPException as error:
            return {"status": error.status_code, "detail": error.detail}

    @app.post("/features/upload/small/whole", max_body_size=1000)
    def whole(request: Request) -> dict[str, Any]:
        return {"size": len(request.content)}

    @app.post("/features/upload/denied", max_body_size=LARGEST)
    async def denied() -> None:
        raise HTTPException(401, "who are you?")

    @app.post("/features/upload/form", max_body_size=LARGEST)
    async def form(name: Annotated[str, Form()], file: UploadFile) -> dict[str, Any]:
        await file.save(os.devnull)
        await file.seek(file.size - 3)
        return {"name": name, "size": file.size, "end": (await file.read()).decode()}

    @app.post("/features/upload/echo", max_body_size=LARGEST)
    async def echo(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream(), media_type="application/octet-stream")
