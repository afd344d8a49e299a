"""The options of ``app.run()``, from its arguments and the environment."""

import os
from dataclasses import dataclass
from typing import Literal

from .._core.binding import TlsOptions
from .errors import OptionError

LoopName = Literal["asyncio", "uvloop"]
AccessLogFormat = Literal["common", "json"]
_MAX_PORT = 65535


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    fast: bool
    workers: int
    loop: LoopName
    access_log: AccessLogFormat | None
    tls: TlsOptions | None = None


def read_options(
    host: str | None,
    port: int | None,
    *,
    fast: bool = False,
    workers: int = 1,
    loop: str = "asyncio",
    access_log: bool | str | None = False,
    tls: TlsOptions | None = None,
) -> Options:
    """Completes the options from PROAPI_HOST, PROAPI_PORT and PROAPI_ACCESS_LOG, then with 127.0.0.1:8000.

    Raises:
        OptionError: An option is not valid.
    """
    if host is None:
        host = os.environ.get("PROAPI_HOST") or "127.0.0.1"
    if port is None:
        text = os.environ.get("PROAPI_PORT") or "8000"
        if not (text.isascii() and text.isdecimal()):
            raise OptionError(f"PROAPI_PORT: expected a number from 0 to {_MAX_PORT}, got {text!r}")
        port = int(text)
        if port > _MAX_PORT:
            raise OptionError(f"PROAPI_PORT: expected a number from 0 to {_MAX_PORT}, got {text!r}")
    if not isinstance(host, str) or "\0" in host:
        raise OptionError(f"host: expected a name or an address, got {host!r}")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _MAX_PORT:
        raise OptionError(f"port: expected a number from 0 to {_MAX_PORT}, got {port!r}")
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 1024:
        raise OptionError(f"workers: expected a number from 1 to 1024, got {workers!r}")
    if loop not in ("asyncio", "uvloop"):
        raise OptionError(f"loop: expected 'asyncio' or 'uvloop', got {loop!r}")
    if fast and loop == "uvloop":
        raise OptionError("fast=True uses its own event loop: leave out loop='uvloop'")
    loop_name: LoopName = "uvloop" if loop == "uvloop" else "asyncio"
    return Options(host, port, bool(fast), workers, loop_name, read_access_log(access_log), tls)


def read_access_log(value: bool | str | None) -> AccessLogFormat | None:
    """None: what PROAPI_ACCESS_LOG says, or else ``common``."""
    if value is None:
        text = os.environ.get("PROAPI_ACCESS_LOG") or "common"
        if text not in ("off", "common", "json"):
            raise OptionError(f"PROAPI_ACCESS_LOG: expected 'off', 'common' or 'json', got {text!r}")
        value = text != "off" and text
    if value in (True, "common"):
        return "common"
    if value == "json":
        return "json"
    if value is False:
        return None
    raise OptionError(f"access_log: expected True, False, 'common' or 'json', got {value!r}")
