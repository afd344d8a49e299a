"""The routes of the contract application that send server-sent events. The C++ twin is features_events.cpp."""

import asyncio
from collections.abc import AsyncIterator

from proapi import EventSourceResponse, ProAPI, ServerSentEvent


def register_events(app: ProAPI) -> None:
    counts = {"open": 0}

    @app.get("/features/events")
    async def three() -> EventSourceResponse:
        async def events() -> AsyncIterator[ServerSentEvent]:
            yield ServerSentEvent("one", id="1", retry=500)
            yield ServerSentEvent("two\nlines", event="other")
            yield ServerSentEvent(comment="the end")

        return EventSourceResponse(events())

    @app.get("/features/events/quiet")
    async def quiet() -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            counts["open"] += 1
            try:
                await asyncio.Event().wait()
                yield ""
            finally:
                counts["open"] -= 1

        return EventSourceResponse(events(), ping=0.01)

    @app.get("/features/events/open")
    async def count() -> dict[str, int]:
        return counts
