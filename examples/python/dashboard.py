"""A dashboard behind a login: a token for a name and a password, a database, and a socket that shows what is new.

POST /login (a form with username and password) returns a token, a JWT signed with HS256. /measurements and the socket
/live want it; a page presents it to the socket as a subprotocol, new WebSocket(url, ["live", "bearer." + token]).
Python's hmac is enough for one algorithm and one key; use a library such as PyJWT for keys of others.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from proapi import Depends, HTTPException, ProAPI, Query, Router, WebSocket
from proapi.security import HTTPConnection, OAuth2PasswordBearer, OAuth2PasswordRequestForm

KEY = os.environ.get("DASHBOARD_KEY", "").encode() or secrets.token_bytes(32)
SCHEMA = """CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, salt BLOB, hash BLOB);
            CREATE TABLE IF NOT EXISTS measurements (sensor TEXT, value REAL);"""
TOKEN_S = 3600
CONNECTIONS = 4
HEADER = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"  # {"alg":"HS256","typ":"JWT"}

pool: asyncio.Queue[sqlite3.Connection] = asyncio.Queue()


async def database() -> AsyncIterator[sqlite3.Connection]:
    """A connection for one request. Handlers that use it are not async, so they run in threads and may block."""
    connection = await pool.get()
    try:
        yield connection
    finally:
        pool.put_nowait(connection)


@asynccontextmanager
async def lifespan(app: ProAPI) -> AsyncIterator[None]:
    for _ in range(CONNECTIONS):
        pool.put_nowait(sqlite3.connect(os.environ.get("DASHBOARD_DB", "dashboard.db"), check_same_thread=False))
    first = pool.get_nowait()
    first.executescript(SCHEMA)
    salt = secrets.token_bytes(16)
    first.execute("INSERT OR IGNORE INTO users VALUES ('ada', ?, ?)", (salt, hash_password("lovelace", salt)))
    first.commit()
    pool.put_nowait(first)
    yield
    for _ in range(CONNECTIONS):
        (await pool.get()).close()


Database = Annotated[sqlite3.Connection, Depends(database, scope="function")]

bearer = OAuth2PasswordBearer("/login", auto_error=False)


def hash_password(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def encode(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def make_token(name: str) -> str:
    part = HEADER + b"." + encode(json.dumps({"sub": name, "exp": int(time.time()) + TOKEN_S}).encode())
    return (part + b"." + encode(hmac.digest(KEY, part, "sha256"))).decode()


def read_token(token: str) -> str | None:
    """Returns whose token it is, or None if it is not one of ours, or no longer valid."""
    part, _, signature = token.encode().rpartition(b".")
    header, _, claims = part.partition(b".")
    if header != HEADER or not hmac.compare_digest(signature, encode(hmac.digest(KEY, part, "sha256"))):
        return None
    found = json.loads(base64.urlsafe_b64decode(claims + b"=="))
    return found["sub"] if found["exp"] > time.time() else None


async def user(connection: HTTPConnection, token: Annotated[str | None, Depends(bearer)]) -> str:
    """Who asks, over HTTP or, before the upgrade, for a WebSocket."""
    if isinstance(connection, WebSocket):
        token = next((each[7:] for each in connection.subprotocols if each.startswith("bearer.")), token)
    if name := read_token(token or ""):
        return name
    raise HTTPException(401, "Log in first.", {"WWW-Authenticate": "Bearer"})


@dataclass
class Measurement:
    sensor: str
    value: float


measurements = Router(prefix="/measurements", dependencies=[Depends(user)])
viewers: set[WebSocket] = set()
app = ProAPI(lifespan=lifespan)


@app.post("/login")
def login(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Database) -> dict[str, str]:
    row = db.execute("SELECT salt, hash FROM users WHERE name = ?", (form.username,)).fetchone()
    salt, expected = row or (b"", b"")  # the same work for a name that there is not
    if not hmac.compare_digest(hash_password(form.password, salt), expected):
        raise HTTPException(401, "Wrong name or password.")
    return {"access_token": make_token(form.username), "token_type": "bearer"}


@measurements.get("")
def newest(db: Database, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[Measurement]:
    rows = db.execute("SELECT sensor, value FROM measurements ORDER BY rowid DESC LIMIT ?", (limit,))
    return [Measurement(*row) for row in rows]


def insert(new: Measurement, db: Database) -> Measurement:
    with db:
        db.execute("INSERT INTO measurements VALUES (?, ?)", (new.sensor, new.value))
    return new


@measurements.post("", status_code=201)
async def add(new: Annotated[Measurement, Depends(insert)]) -> Measurement:
    for viewer in viewers:
        viewer.send_json(new)
    return new


@app.websocket("/live")
async def live(websocket: WebSocket, name: Annotated[str, Depends(user)]) -> None:
    await websocket.accept(subprotocol="live" if "live" in websocket.subprotocols else None)
    viewers.add(websocket)
    try:
        await websocket.send_json({"user": name})
        await websocket.wait_closed()
    finally:
        viewers.discard(websocket)


app.include_router(measurements)

if __name__ == "__main__":
    app.run(fast=True)
