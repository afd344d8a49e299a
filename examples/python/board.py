"""A drawing board: everybody in a room draws on the same sheet, and latecomers get what is on it.

ws://127.0.0.1:8000/boards/{board}?colour=red; {"type": "draw", "points": [[0, 0], [10, 5]]} draws a line, {"type":
"undo"} takes back one's last one, {"type": "clear"} starts a new sheet. Lines have numbers, by which pages remove them.
"""

import itertools
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from proapi import EventError, ProAPI, WebSocket

app = ProAPI(max_message_size=64 * 1024)

MOST_LINES = 2000  # of a sheet; then the oldest one disappears

Colour = Literal["black", "red", "green", "blue"]
Coordinate = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], msgspec.Meta(min_length=1, max_length=500)]


@dataclass
class Line:
    number: int
    colour: Colour
    points: Points
    author: int


@dataclass
class Board:
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    people: set[WebSocket] = field(default_factory=set)

    def tell(self, message: dict[str, object], but: WebSocket | None = None) -> None:
        for person in self.people:
            if person is not but:
                person.send_json(message)


boards: dict[str, Board] = {}
numbers = itertools.count(1)


@app.events("/boards/{board}")
async def draws(websocket: WebSocket, board: str, colour: Colour = "black") -> AsyncIterator[None]:
    here = boards.setdefault(board, Board())
    state = websocket.state
    state.board, state.colour, state.author = here, colour, next(numbers)
    await websocket.accept()
    # No await stands between these two lines, so no line is missed or sent twice.
    websocket.send_json({"type": "sheet", "lines": list(here.lines)})
    here.people.add(websocket)
    try:
        yield
    finally:
        here.people.discard(websocket)
        if not here.people:
            del boards[board]


@draws.on
async def draw(websocket: WebSocket, points: Points) -> int:
    """Everybody else gets the line; the author's page has drawn it already, and gets its number."""
    board: Board = websocket.state.board
    line = Line(next(numbers), websocket.state.colour, points, websocket.state.author)
    board.lines.append(line)
    board.tell({"type": "line", "line": line}, but=websocket)
    return line.number


@draws.on
async def undo(websocket: WebSocket) -> int:
    board: Board = websocket.state.board
    for line in reversed(board.lines):
        if line.author == websocket.state.author:
            board.lines.remove(line)
            board.tell({"type": "removed", "number": line.number}, but=websocket)
            return line.number
    raise EventError("you have drawn nothing on this sheet")


@draws.on
async def clear(websocket: WebSocket) -> None:
    board: Board = websocket.state.board
    board.lines.clear()
    board.tell({"type": "sheet", "lines": []})


if __name__ == "__main__":
    app.run(fast=True)
