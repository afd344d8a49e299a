"""A trading screen: prices that change all the time, and clients that choose which ones they want to see.

/screen is one connection for many symbols, which are subscribed to and left by messages. /quotes/{symbol} only pushes:
its handler waits for the market, never for its client, and is cancelled when the client leaves.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator

from proapi import EventError, HTTPException, ProAPI, WebSocket

app = ProAPI()

PAUSE_S = 0.02
prices = {"AAPL": 229.87, "MSFT": 423.46, "NVDA": 138.25, "SAP": 231.1}  # the last price of each symbol
subscribers: defaultdict[str, set[WebSocket]] = defaultdict(set)
changes: dict[str, asyncio.Event] = {symbol: asyncio.Event() for symbol in prices}


@app.task
async def market() -> None:
    """Stands for a feed: one price after the other moves by up to a percent."""
    while True:
        for symbol in prices:
            set_price(symbol, round(prices[symbol] * random.uniform(0.99, 1.01), 2))
            await asyncio.sleep(PAUSE_S)


def set_price(symbol: str, price: float) -> None:
    prices[symbol] = price
    for websocket in subscribers[symbol]:
        websocket.send_json(quote(symbol))
    changes[symbol].set()
    changes[symbol] = asyncio.Event()  # for the next change


def quote(symbol: str) -> dict[str, object]:
    return {"type": "quote", "symbol": symbol, "price": prices[symbol]}


# ---- one connection, many symbols ----


@app.events("/screen", max_buffered=256 * 1024)  # a screen that falls behind by so much is disconnected
async def screen(websocket: WebSocket) -> AsyncIterator[None]:
    await websocket.accept()
    try:
        yield
    finally:
        for each in subscribers.values():
            each.discard(websocket)


@screen.on
async def subscribe(websocket: WebSocket, symbols: list[str]) -> list[str]:
    if unknown := [symbol for symbol in symbols if symbol not in prices]:
        raise EventError(f"expected symbols among {', '.join(prices)}, got {', '.join(unknown)}")
    for symbol in symbols:
        subscribers[symbol].add(websocket)
        await websocket.send_json(quote(symbol))  # at once, not only when it changes
    return subscriptions(websocket)


@screen.on
async def unsubscribe(websocket: WebSocket, symbols: list[str]) -> list[str]:
    for symbol in symbols:
        if symbol in prices:
            subscribers[symbol].discard(websocket)
    return subscriptions(websocket)


def subscriptions(websocket: WebSocket) -> list[str]:
    return [symbol for symbol in prices if websocket in subscribers[symbol]]


# ---- one connection for each symbol ----


@app.websocket("/quotes/{symbol}", cancel_on_disconnect=True)
async def quotes(websocket: WebSocket, symbol: str) -> None:
    """A client that reads slowly misses changes, but the price that it gets is always the last one."""
    if symbol not in prices:
        raise HTTPException(404, f"There is no {symbol}.")
    await websocket.accept()
    while True:
        change = changes[symbol]
        await websocket.send_json(quote(symbol))
        await change.wait()


if __name__ == "__main__":
    app.run(fast=True)
