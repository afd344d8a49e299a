"""A chat with rooms, names and who is here. Run it, then open http://127.0.0.1:8000 in a few windows."""

import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path

from proapi import ProAPI, WebSocketConnection, WebSocketMessageError

app = ProAPI()
app.static("/", Path(__file__).parents[1] / "web")

rooms: dict[str, dict[WebSocketConnection, str]] = {}
ids = itertools.count(1)


@dataclass
class Said:
    """What a page sends; it knows its own message again by ``ref``."""

    text: str
    ref: str | None = None


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocketConnection, room: str) -> None:
    you = next(ids)
    name = " ".join(websocket.query_params.get("name", "").split())[:32] or f"Guest {you}"
    members = rooms.setdefault(room, {})
    await websocket.accept()
    members[websocket] = name
    try:
        await websocket.send_json(
            {"type": "welcome", "room": room, "you": you, "name": name, "users": list(members.values())}
        )
        tell(members, websocket, type="join", name=name, users=len(members))
        while True:
            try:
                said = await websocket.receive_json(Said)
            except WebSocketMessageError:
                said = Said("")
            text = said.text.strip()
            if not 1 <= len(text) <= 4000:
                await websocket.send_json({"type": "error", "text": "A message has 1 to 4000 characters."})
                continue
            message = {"from": you, "name": name, "text": text}
            at = tell(members, websocket, type="message", **message)
            await websocket.send_json({"type": "message", **message, "at": at, "echo": said.ref})
    finally:
        del members[websocket]
        tell(members, websocket, type="leave", name=name, users=len(members))
        if not members and rooms.get(room) is members:
            del rooms[room]


def tell(members: dict[WebSocketConnection, str], but: WebSocketConnection, **event: object) -> int:
    """To everybody else. A send acts when it is called; not to await it is not to wait for the slowest reader, and who
    falls too far behind is disconnected (``max_buffered``)."""
    event["at"] = at = time.time_ns() // 1_000_000
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for member in members:
        if member is not but:
            member.send_text(text)
    return at


if __name__ == "__main__":
    app.run(fast=True)
