"""``SessionMiddleware``: a dict for each client, kept in a signed cookie, as Starlette has it.

The extra ``sessions`` has itsdangerous. Clients can read what is in the cookie, but not change it. Imported only by
programs that use it.
"""

import base64
import time
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any, Literal

import itsdangerous

from ._core import json
from ._core.binding import WebSocketConnection
from ._core.session import Session
from .request import Request
from .response import Response

_MAX_COOKIE_BYTES = 4096  # what browsers keep of one cookie, name and attributes included (RFC 6265 section 6.1)


class SessionMiddleware:
    """``app.middleware(SessionMiddleware(secret_key=...))``; handlers then have ``request.session``.

    A WebSocket's ``session`` is what its handshake has sent; changes of it are not kept, because nothing can set a
    cookie after the handshake.
    """

    def __init__(
        self,
        secret_key: str | bytes,
        *,
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 3600,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,
        domain: str | None = None,
    ) -> None:
        """Creates the middleware.

        Args:
            secret_key: What signs the cookies; at least 16 characters. Whoever knows it can make any session. A new one
                ends all sessions.
            session_cookie: The cookie's name.
            max_age: How many seconds a session lasts after its last request. None: until the browser ends.
            path: The cookie's attribute.
            same_site: The cookie's attribute.
            https_only: Whether browsers send it over https only.
            domain: The cookie's attribute.

        Raises:
            ValueError: ``secret_key`` is short.
        """
        if len(secret_key) < 16:
            raise ValueError(
                f"SessionMiddleware: expected a secret_key of at least 16 characters, got {len(secret_key)}:"
                " secrets.token_urlsafe() makes one"
            )
        self._signer = itsdangerous.TimestampSigner(secret_key, salt="proapi.sessions")
        self._cookie = session_cookie
        self._max_age = max_age
        self._attributes: dict[str, Any] = {
            "path": path,
            "domain": domain,
            "secure": https_only,
            "httponly": True,
            "samesite": same_site,
        }

    async def __call__(
        self, connection: Request | WebSocketConnection, call_next: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        """Reads the session, calls the handler, and sets the cookie if the session has changed."""
        session, signed_at = self._read(connection.cookies.get(self._cookie))
        connection.state["_session"] = session
        response = await call_next(connection)
        if not isinstance(response, Response) or not session.was_used:
            return response
        response = copy(response)  # the program may use one object for many requests
        response.headers = list(response.headers.items())
        self._write(response, session, signed_at)
        return response

    def _read(self, cookie: str | None) -> tuple[Session, float | None]:
        if cookie is None:
            return Session({}), None
        try:
            octets, signed_at = self._signer.unsign(cookie, max_age=self._max_age, return_timestamp=True)
            values = json.decode(base64.urlsafe_b64decode(octets))
        except (itsdangerous.BadSignature, ValueError):
            return Session({}), 0.0
        return Session(values if isinstance(values, dict) else {}), signed_at.timestamp()

    def _write(self, response: Response, session: Session, signed_at: float | None) -> None:
        vary = response.headers.get("Vary", "")
        if "cookie" not in vary.lower() and vary != "*":
            response.headers["Vary"] = f"{vary}, Cookie" if vary else "Cookie"
        if not session:
            if signed_at is not None:
                response.delete_cookie(self._cookie, **self._attributes)
            return
        is_old = self._max_age is not None and time.time() - (signed_at or 0.0) > self._max_age / 2
        if not (session.has_changed or is_old):
            return
        cookie = self._signer.sign(base64.urlsafe_b64encode(json.encode(dict(session)))).decode()
        if len(self._cookie) + len(cookie) > _MAX_COOKIE_BYTES:
            raise ValueError(
                f"expected a session whose cookie has at most {_MAX_COOKIE_BYTES} octets, got {len(cookie)}: keep large"
                " values in a database, and their key in the session"
            )
        response.set_cookie(self._cookie, cookie, max_age=self._max_age, **self._attributes)
