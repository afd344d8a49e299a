"""A chat with rooms, names and a list of members. Run it, then open http://127.0.0.1:8000 in a few windows."""

import itertools
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from proapi import ProAPI, WebSocketConnection, WebSocketMessageError

app = ProAPI()
app.static("/", Path(__file__).parents[1] / "web")

REMEMBERED = 256  # messages of a room


@dataclass
class Room:
    members: dict[WebSocketConnection, str] = field(default_factory=dict)  # with their names
    answers: dict[str, dict[str, object]] = field(default_factory=dict)  # to the last messages, by ``ref``


@dataclass
class Said:
    """What a page sends. ``ref`` is random and unique to the message: if the connection breaks before the page has the
    answer, the page sends the message again, with the same ``ref``."""

    text: str
    ref: str = ""


rooms: dict[str, Room] = {}
ids = itertools.count(1)


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocketConnection, room: str) -> None:
    you = next(ids)
    name = " ".join(websocket.query_params.get("name", "").split())[:32] or f"Guest {you}"
    await websocket.accept()
    here = rooms.setdefault(room, Room())
    members, answers = here.members, here.answers
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
            if not 1 <= len(text) <= 4000 or len(said.ref) > 64:
                await websocket.send_json({"type": "error", "text": "A message has 1 to 4000 characters."})
                continue
            answer = answers.get(said.ref)  # if there is one, the others already have the message
            if answer is None:
                message = {"type": "message", "from": you, "name": name, "text": text}
                at = tell(members, websocket, **message)
                answer = {**message, "at": at, "echo": said.ref}
                if said.ref:
                    answers[said.ref] = answer
                if len(answers) > REMEMBERED:
                    del answers[next(iter(answers))]  # the oldest
            await websocket.send_json(answer)
    finally:
        del members[websocket]
        tell(members, websocket, type="leave", name=name, users=len(members))
        if not members:
            del rooms[room]


def tell(members: dict[WebSocketConnection, str], but: WebSocketConnection, **event: object) -> int:
    """Sends to everybody else. A send acts when it is called. Without ``await`` it does not wait for the slowest reader;
    a member that falls too far behind is disconnected (``max_buffered``)."""
    event["at"] = at = time.time_ns() // 1_000_000
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for member in members:
        if member is not but:
            member.send_text(text)
    return at


if __name__ == "__main__":
    app.run(fast=True)
