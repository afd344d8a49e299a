"""A game for many players: everybody steers a square over one field and collects coins.

The server knows the rules, clients only say where they want to go. One task moves all players twenty times a second and
sends everybody the same picture. Connect to ws://127.0.0.1:8000/game?name=Ada and send {"type": "steer", "dx": 1,
"dy": 0}.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from proapi import HTTPException, ProAPI, Query, WebSocket

app = ProAPI()

WIDTH, HEIGHT = 32, 18
TICK_S = 0.05
MOST_PLAYERS = 64
MOST_BEHIND = 64 * 1024  # octets that may wait for a slow player

Step = Literal[-1, 0, 1]


@dataclass
class Player:
    name: str
    x: int
    y: int
    dx: int = 0
    dy: int = 0
    score: int = 0


def somewhere() -> tuple[int, int]:
    return random.randrange(WIDTH), random.randrange(HEIGHT)


players: dict[WebSocket, Player] = {}
coin = somewhere()


@app.events("/game")
async def game(websocket: WebSocket, name: Annotated[str, Query(min_length=1, max_length=20)]) -> AsyncIterator[None]:
    if len(players) >= MOST_PLAYERS:
        raise HTTPException(503, "The field is full.")
    await websocket.accept()
    await websocket.send_json({"type": "field", "width": WIDTH, "height": HEIGHT})
    players[websocket] = Player(name, *somewhere())
    try:
        yield
    finally:
        del players[websocket]


@game.on
async def steer(websocket: WebSocket, dx: Step, dy: Step) -> None:
    player = players[websocket]
    player.dx, player.dy = dx, dy


@app.task
async def tick() -> None:
    loop = asyncio.get_running_loop()
    at = loop.time()
    while True:
        at = max(at + TICK_S, loop.time())  # after a pause the game goes on; it does not catch up
        await asyncio.sleep(at - loop.time())
        move()
        show()


def move() -> None:
    global coin
    for player in players.values():
        player.x = (player.x + player.dx) % WIDTH
        player.y = (player.y + player.dy) % HEIGHT
        if (player.x, player.y) == coin:
            player.score += 1
            coin = somewhere()


def show() -> None:
    """Sends the picture to everybody. A player whose connection is slow misses pictures instead of seeing old ones."""
    picture = {"type": "picture", "coin": coin, "players": [asdict(player) for player in players.values()]}
    text = json.dumps(picture)
    for websocket in players:
        if websocket.buffered_amount < MOST_BEHIND:
            websocket.send_text(text)


if __name__ == "__main__":
    app.run(fast=True)
