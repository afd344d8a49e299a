"""A chat of many processes and machines: messages go through Redis, and every process passes them to its own members.

pip install redis; REDIS_URL=redis://127.0.0.1:6379 python redis_chat.py; ws://127.0.0.1:8000/rooms/{room}?name=Ada
Each member, the author included, gets the messages of a room in the order in which Redis got them. Pub/sub keeps
nothing: what is sent while Redis is away is lost, and its author is told so.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from proapi import EventError, HTTPException, Path, ProAPI, Query, WebSocket

CHANNEL = "chat:"
MOST_MEMBERS = 10_000  # of all rooms, in this process

redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), socket_connect_timeout=5)
pubsub = redis.pubsub()
rooms: dict[str, set[WebSocket]] = {}


@asynccontextmanager
async def lifespan(app: ProAPI) -> AsyncIterator[None]:
    await pubsub.psubscribe(CHANNEL + "*")  # before the first member connects
    yield
    await pubsub.aclose()
    await redis.aclose()


app = ProAPI(lifespan=lifespan, max_message_size=16 * 1024)


@app.task(restart=True)
async def deliver() -> None:
    """Passes on what Redis sends. If Redis is lost this fails, begins again, and the client subscribes again."""
    async for message in pubsub.listen():
        if message["type"] == "pmessage":
            room = message["channel"].decode().removeprefix(CHANNEL)
            text = message["data"].decode()
            for member in rooms.get(room, ()):
                member.send_text(text)


async def publish(room: str, **message: str) -> bool:
    """Returns whether Redis has the message."""
    try:
        await redis.publish(CHANNEL + room, msgspec.json.encode(message))
    except RedisError:
        return False
    return True


@app.events("/rooms/{room}")
async def chat(
    websocket: WebSocket,
    room: Annotated[str, Path(max_length=64)],
    name: Annotated[str, Query(min_length=1, max_length=32)],
) -> AsyncIterator[None]:
    if sum(map(len, rooms.values())) >= MOST_MEMBERS:
        raise HTTPException(503, "This server is full.")
    websocket.state.room, websocket.state.name = room, name
    await websocket.accept()
    members = rooms.setdefault(room, set())
    members.add(websocket)
    try:
        if not await publish(room, type="joined", name=name):
            await websocket.close(1013, "try again later")
        yield
    finally:
        members.discard(websocket)
        if not members:
            del rooms[room]
        await publish(room, type="left", name=name)


@chat.on
async def say(websocket: WebSocket, text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]) -> None:
    if not await publish(websocket.state.room, type="said", name=websocket.state.name, text=text):
        raise EventError("the message is lost: this server does not reach the others")


if __name__ == "__main__":
    app.run(fast=True)
