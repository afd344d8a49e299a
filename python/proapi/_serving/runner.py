"""One server in this process: signals and exit statuses.

SIGINT (Ctrl-C) and SIGTERM stop gracefully and ``run`` returns; a second one ends the process at once with status 130
or 143. In a worker, the supervisor's request to stop counts as neither, because a service manager signals the whole
group.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from .._core import log
from .._core.binding import ListeningSockets
from .._core.processes import end_process, handling_signals, report
from .errors import OptionError
from .fast_loop import FastLoop
from .options import Options
from .server import Addresses, Server, make_url, open_sockets

if TYPE_CHECKING:
    from ..app import ProAPI

OnListening = Callable[[Addresses], object]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MAX_LAST_S = 1.0


def run_server(
    app: "ProAPI",
    options: Options,
    *,
    sockets: ListeningSockets | None = None,
    on_listening: OnListening,
    on_served: Callable[[], object] | None = None,
    lifeline: int | None = None,
) -> None:
    """Runs one server in this process until a signal.

    Args:
        sockets: What to listen on, opened by the supervisor. None: opened here, as the options say.
        lifeline: A descriptor; the server also stops when the descriptor reaches its end.
        on_served: Called when no handler runs any more, before the shutdown functions.
    """
    server = Server(app, options.access_log, options.tls)
    factory = _loop_factory(server, options)
    with _signals() as stop, _reloading(server, options):

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            with _woken_by_signals(loop, options), _stopping_with(lifeline, loop, stop):
                task = asyncio.current_task()
                assert task is not None
                stop.attach(loop, task)

                def begin(addresses: Addresses) -> object:
                    if not stop.requested:
                        return on_listening(addresses)
                    return task.cancel()  # again: a start-up function has swallowed the first cancellation

                try:
                    await server.serve(
                        lambda: sockets or open_sockets(app, options.listen),
                        drives_loop=options.fast,
                        on_listening=begin,
                        on_served=on_served,
                    )
                except asyncio.CancelledError:
                    if not stop.requested:
                        raise
                await _end_what_is_left(server, stop)

        pid = os.getpid()
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                try:
                    runner.run(serve())
                except BaseException as error:
                    if os.getpid() != pid:  # a handler's forked child must not close the parent's loop
                        end_process(report(error))
                    stop.on_exit(error)
                    raise
        finally:
            if server.busy_threads:
                log.logger.warning(
                    "%d sync handlers or iterators did not end within shutdown_timeout: left", server.busy_threads
                )
                stop.end_process()


@contextlib.contextmanager
def _stopping_with(lifeline: int | None, loop: asyncio.AbstractEventLoop, stop: "_Stop") -> Iterator[None]:
    """Requests a stop when the descriptor reaches its end."""

    def on_end() -> None:
        assert lifeline is not None
        loop.remove_reader(lifeline)  # the descriptor stays readable
        stop.request()

    if lifeline is not None:
        loop.add_reader(lifeline, on_end)
    try:
        yield
    finally:
        if lifeline is not None:
            loop.remove_reader(lifeline)


@contextlib.contextmanager
def _reloading(server: Server, options: Options) -> Iterator[None]:
    """With TLS, SIGHUP loads the certificates again."""
    if options.tls is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: server.engine.reload_certificates())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextlib.contextmanager
def _woken_by_signals(loop: asyncio.AbstractEventLoop, options: Options) -> Iterator[None]:
    """Makes every signal wake the loop.

    A signal that comes just before the loop's wait, or to another thread, does not interrupt the wait: its handler
    would run at the loop's next event, which may never come. uvloop handles this itself.
    """
    if options.loop == "uvloop" or threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    loop.add_reader(reader, os.read, reader, 4096)
    try:
        yield
    finally:
        loop.remove_reader(reader)
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


async def _end_what_is_left(server: Server, stop: "_Stop") -> None:
    """Cancels other tasks and ends asyncio's executor, within ``_MAX_LAST_S``; ends the process if that is not enough.

    asyncio's runner would wait forever for a task that ignores its cancellation and for a thread of
    ``asyncio.to_thread``. Handlers have had their time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _MAX_LAST_S
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if server.busy_handlers or (others and (await asyncio.wait(others, timeout=_MAX_LAST_S))[1]):
        log.logger.warning("%d tasks ignored their cancellation: left", len(asyncio.all_tasks()) - 1)
        stop.end_process()
    # Not wait_for(): cancelling shutdown_default_executor() joins the threads.
    executor = asyncio.ensure_future(loop.shutdown_default_executor())
    if (await asyncio.wait({executor}, timeout=deadline - loop.time()))[1]:
        log.logger.warning("threads of asyncio's executor (asyncio.to_thread) did not end: left")
        stop.end_process()


def announce(addresses: Addresses, *, is_secure: bool = False) -> None:
    places = " and ".join(make_url(host, port, is_secure=is_secure) for host, port in addresses)
    with contextlib.suppress(OSError):  # nobody may read stdout
        print(f"ProAPI serves {places} (Ctrl-C stops)", flush=True)


def _loop_factory(server: Server, options: Options) -> Callable[[], asyncio.AbstractEventLoop]:
    if options.fast:
        return lambda: FastLoop(server.engine)
    if options.loop == "uvloop":
        try:
            import uvloop
        except ImportError:
            raise OptionError("loop='uvloop' needs the package uvloop: pip install uvloop") from None
        return uvloop.new_event_loop
    return asyncio.SelectorEventLoop


class _Stop:
    """The first signal cancels the server's task, which stops gracefully; the second ends the process."""

    def __init__(self) -> None:
        self.requested = False
        self._was_signalled = False
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def attach(self, loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
        self._loop, self._task = loop, task
        if self.requested:
            task.cancel()

    def request(self) -> None:
        """Requests a graceful stop. May be called from a signal handler, at any point of the program."""
        if self.requested:
            return
        self.requested = True
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def on_exit(self, error: BaseException) -> None:
        """Stops after ``error`` has left the loop, for example a handler's ``sys.exit()``.

        The stop is the same as after a signal, except that running HTTP requests are cancelled at once.
        """
        self.requested = True
        self._error = error
        loop, task = self._loop, self._task
        if loop is None or task is None:
            return
        for each in asyncio.all_tasks(loop):
            each.cancel()
        # A task that awaits one that has raised SystemExit raises it again, which leaves the loop once more.
        while not task.done() and not loop.is_closed():
            try:
                loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt, asyncio.CancelledError):
                pass
            except Exception as fault:  # from a shutdown function; the exit status stays that of ``error``
                log.logger.error("the stop failed", exc_info=fault)

    def end_process(self) -> NoReturn:
        """Ends the process if something is left that can't be waited for."""
        end_process(0 if self._error is None else report(self._error))

    def on_signal(self, number: int, _: FrameType | None) -> None:
        if self._was_signalled:
            end_process(128 + number)
        self._was_signalled = True
        self.request()


@contextlib.contextmanager
def _signals() -> Iterator[_Stop]:
    """Installs plain signal handlers, not the loop's: they also work while a handler keeps the loop busy."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    with handling_signals(dict.fromkeys(_SIGNALS, stop.on_signal)):
        yield stop
