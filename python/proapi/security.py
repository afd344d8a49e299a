"""Who the client is: what it presents in its headers, query and cookies, for ``Depends`` and ``Security``.

With the names and meanings of ``fastapi.security``, for HTTP handlers and, before the upgrade, for WebSockets. A helper
only finds what the client presents; whether it is true is for the application to check. Schemes: RFC 7235 (now RFC 9110
section 11), RFC 7617 (Basic), RFC 6750 (Bearer).
"""

import base64
import binascii
from typing import Annotated

from msgspec import Struct

from ._core.binding import WebSocketConnection
from .errors import HTTPException
from .params import Form
from .request import Request

HTTPConnection = Request | WebSocketConnection
"""The annotation of a dependency that HTTP and WebSocket handlers share. Works with ``isinstance``."""


class HTTPAuthorizationCredentials(Struct, frozen=True):
    """The Authorization field of a request."""

    scheme: str
    """As the client wrote it: ``Bearer``."""
    credentials: str
    """What follows the scheme."""


class HTTPBasicCredentials(Struct, frozen=True):
    """A user's name and password. Compare the password with ``secrets.compare_digest``, as octets."""

    username: str
    password: str


class _Scheme:
    """What a helper does if the client presents nothing."""

    def __init__(self, challenge: str, *, auto_error: bool) -> None:
        self._challenge = challenge
        self._auto_error = auto_error

    def _refuse(self, detail: str = "Not authenticated") -> None:
        """HTTPException 401, unless ``auto_error`` is False: then the helper returns None."""
        if self._auto_error:
            raise HTTPException(401, detail, {"WWW-Authenticate": self._challenge})

    def _find(self, connection: HTTPConnection, scheme: str) -> HTTPAuthorizationCredentials | None:
        """Returns the Authorization field if it is of the scheme, whose case does not matter."""
        given, _, credentials = connection.headers.get("authorization", "").strip().partition(" ")
        if given.lower() != scheme or not (credentials := credentials.strip()):
            return None
        return HTTPAuthorizationCredentials(given, credentials)


class HTTPBearer(_Scheme):
    """Finds ``Authorization: Bearer <token>`` (RFC 6750)."""

    def __init__(self, *, auto_error: bool = True) -> None:
        """Creates the dependency.

        Args:
            auto_error: Whether a client without a token gets a 401. Otherwise the result is None.
        """
        super().__init__("Bearer", auto_error=auto_error)

    async def __call__(self, connection: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        """Returns the scheme and the token."""
        found = self._find(connection, "bearer")
        if found is None:
            self._refuse()
        return found


class OAuth2PasswordBearer(_Scheme):
    """Finds ``Authorization: Bearer <token>``, a token that clients get at ``tokenUrl`` for a name and a password."""

    def __init__(self, tokenUrl: str, *, scopes: dict[str, str] | None = None, auto_error: bool = True) -> None:
        """Creates the dependency.

        Args:
            tokenUrl: Where clients get a token, for documents.
            scopes: What tokens may allow, for documents.
            auto_error: Whether a client without a token gets a 401. Otherwise the result is None.
        """
        super().__init__("Bearer", auto_error=auto_error)
        self.token_url = tokenUrl
        self.scopes = scopes or {}

    async def __call__(self, connection: HTTPConnection) -> str | None:
        """Returns the token."""
        found = self._find(connection, "bearer")
        if found is None:
            self._refuse()
            return None
        return found.credentials


class HTTPBasic(_Scheme):
    """Finds ``Authorization: Basic <name and password>`` (RFC 7617), in UTF-8."""

    def __init__(self, *, realm: str | None = None, auto_error: bool = True) -> None:
        """Creates the dependency.

        Args:
            realm: What browsers show when they ask for a name and a password.
            auto_error: Whether a client that presents none gets a 401. Otherwise the result is None.

        Raises:
            ValueError: The realm can't stand in a header.
        """
        if realm is not None and (not realm.isascii() or not realm.isprintable() or '"' in realm or "\\" in realm):
            raise ValueError(f"HTTPBasic: expected printable ASCII without quotes as realm, got {realm!r}")
        super().__init__("Basic" if realm is None else f'Basic realm="{realm}"', auto_error=auto_error)

    async def __call__(self, connection: HTTPConnection) -> HTTPBasicCredentials | None:
        """Returns the name and the password."""
        found = self._find(connection, "basic")
        if found is None:
            self._refuse()
            return None
        try:
            text = base64.b64decode(found.credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        name, colon, password = text.partition(":")
        if not colon:
            self._refuse("Invalid authentication credentials")
            return None
        return HTTPBasicCredentials(name, password)


class _APIKey(_Scheme):
    def __init__(self, *, name: str, auto_error: bool = True) -> None:
        """Creates the dependency.

        Args:
            name: The name of the header, the query's value or the cookie.
            auto_error: Whether a client without a key gets a 401. Otherwise the result is None.
        """
        super().__init__("APIKey", auto_error=auto_error)
        self.name = name

    def _found(self, key: str | None) -> str | None:
        if not key:
            self._refuse()
            return None
        return key


class APIKeyHeader(_APIKey):
    """Finds a key in a header field: ``APIKeyHeader(name="X-Key")``."""

    async def __call__(self, connection: HTTPConnection) -> str | None:
        """Returns the key."""
        return self._found(connection.headers.get(self.name))


class APIKeyQuery(_APIKey):
    """Finds a key in the query. It then stands in the logs of proxies and in the histories of browsers."""

    async def __call__(self, connection: HTTPConnection) -> str | None:
        """Returns the key."""
        return self._found(connection.query_params.get(self.name))


class APIKeyCookie(_APIKey):
    """Finds a key in a cookie. Browsers send cookies with handshakes too, so this suits WebSockets; ``allowed_origins``
    keeps other sites out."""

    async def __call__(self, connection: HTTPConnection) -> str | None:
        """Returns the key."""
        return self._found(connection.cookies.get(self.name))


class OAuth2PasswordRequestForm:
    """The form with which a client asks for a token: ``form: Annotated[OAuth2PasswordRequestForm, Depends()]``
    (RFC 6749 section 4.3.2)."""

    def __init__(
        self,
        *,
        grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> None:
        self.grant_type = grant_type
        self.username = username
        self.password = password
        self.scopes = scope.split()
        self.client_id = client_id
        self.client_secret = client_secret
