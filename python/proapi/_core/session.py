"""The session of a request or a connection, and how ``request.session`` and ``websocket.session`` find it."""

from typing import Any

from . import json


class Session(dict[str, Any]):
    """A dict that knows whether a handler has asked for it and has changed it, nested values included."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.was_used = False
        self._before = b""

    @property
    def has_changed(self) -> bool:
        return json.encode(dict(self)) != self._before

    def use(self) -> "Session":
        if not self.was_used:
            self.was_used = True
            self._before = json.encode(dict(self))
        return self


def find_session(connection: Any) -> Session:
    """Returns the session. RuntimeError: the application has no SessionMiddleware."""
    session = connection.state._state.get("_session")
    if session is None:
        what = "request" if hasattr(connection, "method") else "websocket"
        raise RuntimeError(
            f"{what}.session: expected app.middleware(SessionMiddleware(secret_key=...)), with"
            " from proapi.sessions import SessionMiddleware"
        )
    found: Session = session.use()
    return found
