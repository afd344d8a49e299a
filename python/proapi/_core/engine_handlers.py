"""The handlers of what the engine answers by itself in other applications: files, and requests that it refuses."""

from ..errors import HTTPException
from ..request import Request
from ..response import Response
from .binding import FoundFile
from .exchange import Exchange
from .log import escape, logger
from .parameters import Kind
from .signature import make_handler
from .threads import ThreadPool

_FIRST_REFUSAL = 400


class _FoundFileResponse(Response):
    """A file of ``app.static``, as the engine has found it."""

    def __init__(self, file: FoundFile) -> None:
        super().__init__(None, 200)
        self.status_code = file.status  # also 304
        self.headers = file.headers
        self._file = file

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        exchange.respond_with_found(self.status_code, self._fields, self._file)


async def files(request: Request) -> Response:
    file = request._app._routes.site.find_file(request._info) if request._app is not None else None
    assert file is not None
    if file.fault is not None:
        logger.error("%s %s: %s", file.status, escape(request.path), file.fault)
    if file.status >= _FIRST_REFUSAL:
        fields = {name: value for name, value in file.headers if name.lower() != "content-type"}
        raise HTTPException(file.status, file.text.rstrip("\n"), fields)
    return _FoundFileResponse(file)


async def refusal(request: Request) -> None:
    assert request._exchange is not None
    assert request._exchange.refusal is not None
    status, text, fields = request._exchange.refusal
    raise HTTPException(status, text, dict(fields))


FILES = make_handler(files, {}, Kind.HTTP, {})
REFUSED = make_handler(refusal, {}, Kind.HTTP, {})
