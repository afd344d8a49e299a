"""``app.run()``: one process or several.

An error that the user can fix (a busy port, a bad option) is one line on stderr and status 1.
"""

import asyncio
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from .._core import log
from .errors import OptionError
from .options import Options
from .runner import announce, run_server
from .server import ListenError
from .workers import Supervisor

if TYPE_CHECKING:
    from ..app import ProAPI


def refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("run(): expected a thread without an event loop, but one runs here: use `await app.serve()`")


def run(app: "ProAPI", options: Options) -> None:
    """Serves until a signal."""
    log.configure()
    try:
        if options.workers > 1:
            if threading.current_thread() is not threading.main_thread():
                raise OptionError("workers: expected run() in the main thread, where signals come, got another one")
            Supervisor(app, options).run()
        else:
            run_server(app, options, on_listening=partial(announce, is_secure=options.tls is not None))
    except (ListenError, OptionError) as error:
        fail(str(error))


def fail(text: str) -> NoReturn:
    print(f"proapi: {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)
