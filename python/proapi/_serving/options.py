"""The options of ``app.run()`` and ``app.serve()``, from their arguments and the environment."""

import os
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from .._core.binding import TlsOptions
from .errors import OptionError

LoopName = Literal["asyncio", "uvloop"]
AccessLogFormat = Literal["common", "json"]
_MAX_PORT = 65535
_MAX_MODE = 0o777
_FIRST_ACTIVATED = 3  # SD_LISTEN_FDS_START of systemd


class Listen(Struct, frozen=True):
    """Where to listen: on all of these together."""

    hosts: tuple[str, ...]
    port: int
    uds: str
    """The path of a Unix socket; empty: none."""
    uds_mode: int
    fds: tuple[int, ...]
    reuse_port: bool


class Options(Struct, frozen=True):
    listen: Listen
    fast: bool
    workers: int
    loop: LoopName
    access_log: AccessLogFormat | None
    tls: TlsOptions | None = None


def read_options(
    listen: Listen,
    *,
    fast: bool = False,
    workers: int = 1,
    loop: str = "asyncio",
    access_log: bool | str | None = False,
    tls: TlsOptions | None = None,
) -> Options:
    """Checks the options of ``run``, and completes the access log from PROAPI_ACCESS_LOG.

    Raises:
        OptionError: An option is not valid.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 1024:
        raise OptionError(f"workers: expected a number from 1 to 1024, got {workers!r}")
    if loop not in ("asyncio", "uvloop"):
        raise OptionError(f"loop: expected 'asyncio' or 'uvloop', got {loop!r}")
    if fast and loop == "uvloop":
        raise OptionError("fast=True uses its own event loop: leave out loop='uvloop'")
    loop_name: LoopName = "uvloop" if loop == "uvloop" else "asyncio"
    return Options(listen, bool(fast), workers, loop_name, read_access_log(access_log), tls)


def read_listen(
    host: str | Iterable[str] | None,
    port: int | None,
    *,
    uds: str | os.PathLike[str] | None = None,
    uds_mode: int = 0o666,
    fd: int | None = None,
    reuse_port: bool = False,
) -> Listen:
    """Completes where to listen.

    If neither a host, a port, ``uds`` nor ``fd`` is given: from systemd, or else from PROAPI_HOST and PROAPI_PORT, or
    else with 127.0.0.1:8000.

    Raises:
        OptionError: An option is not valid.
    """
    path = "" if uds is None else os.fspath(uds)
    if not isinstance(path, str) or (uds is not None and not path):
        raise OptionError(f"uds: expected the path of a socket, got {uds!r}")
    if isinstance(uds_mode, bool) or not isinstance(uds_mode, int) or not 0 <= uds_mode <= _MAX_MODE:
        raise OptionError(f"uds_mode: expected permissions from 0 to 0o777, got {uds_mode!r}")
    if fd is not None and (isinstance(fd, bool) or not isinstance(fd, int) or fd < 0):
        raise OptionError(f"fd: expected a descriptor, got {fd!r}")
    fds: tuple[int, ...] = () if fd is None else (fd,)
    has_host = host is not None or port is not None
    if not (has_host or path or fds):
        fds = _take_activated()
    if not has_host and (path or fds):
        return Listen((), 0, path, uds_mode, fds, bool(reuse_port))
    return Listen(_read_hosts(host), _read_port(port), path, uds_mode, fds, bool(reuse_port))


def _read_hosts(host: str | Iterable[str] | None) -> tuple[str, ...]:
    if host is None:
        host = os.environ.get("PROAPI_HOST") or "127.0.0.1"
    hosts = (host,) if isinstance(host, str) or not isinstance(host, Iterable) else tuple(host)
    for each in hosts:
        if not isinstance(each, str) or "\0" in each:
            raise OptionError(f"host: expected a name or an address, got {each!r}")
    if not hosts:
        raise OptionError("host: expected at least one name or address, got none")
    return hosts


def _read_port(port: int | None) -> int:
    if port is None:
        text = os.environ.get("PROAPI_PORT") or "8000"
        if not (text.isascii() and text.isdecimal()) or int(text) > _MAX_PORT:
            raise OptionError(f"PROAPI_PORT: expected a number from 0 to {_MAX_PORT}, got {text!r}")
        return int(text)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _MAX_PORT:
        raise OptionError(f"port: expected a number from 0 to {_MAX_PORT}, got {port!r}")
    return port


def _take_activated() -> tuple[int, ...]:
    """Returns the descriptors that systemd has passed to this process (sd_listen_fds(3)), and removes them from the
    environment, which children inherit."""
    process, count = os.environ.get("LISTEN_PID", ""), os.environ.get("LISTEN_FDS", "")
    if process != str(os.getpid()) or not (count.isascii() and count.isdecimal()):
        return ()
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return tuple(range(_FIRST_ACTIVATED, _FIRST_ACTIVATED + int(count)))


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
