"""``workers=N``: processes that listen together, under a supervisor.

The supervisor forks before any event loop exists. It restarts a dead worker (at most one a second, with growing delays
if workers die young), and ends when its workers have. Workers hold one end of a pipe, the lifeline: they stop
gracefully when the supervisor closes the other end, or has ended for any reason. The supervisor does not signal them to
stop: that would be their second signal if a service manager or a terminal has sent the first to the whole group.
"""

import math
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct

from .._core.log import logger
from .._core.processes import end_process, finish_process, flush_output, leave_parents_objects, report
from .errors import OptionError
from .options import Options
from .runner import announce, run_server
from .server import Addresses, ListenError, open_sockets
from .tls import check_files

if TYPE_CHECKING:
    from ..app import ProAPI

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_SIGNALS = (*_STOPPING, signal.SIGCHLD, signal.SIGHUP)
_TOLD_TO = (0, *(-each for each in _STOPPING), *(128 + each for each in _STOPPING))  # exit codes of a requested stop
_MIN_RESTART_S = 1.0
_MAX_BACKOFF_S = 30.0
_RETRY_S = 5.0
_YOUNG_S = 10.0
_KILL_MARGIN_S = 2.0
_LAST_S = 0.5
_READY, _SERVED = b"r", b"s"
_AGAIN_S = 0.05


class _Worker(Struct, eq=False):
    number: int
    pid: int = 0
    started_at: float = 0.0
    due_at: float = 0.0
    young_deaths: int = 0
    is_ready: bool = False
    has_served: bool = False
    """No handler runs any more: the worker ends when its shutdown functions, threads and exit functions do."""
    state_fd: int = -1

    def read_state(self) -> None:
        """Reads what the worker has written: ``_READY``, ``_SERVED``, or the end of the pipe if it has ended."""
        try:
            told = os.read(self.state_fd, 16)
        except BlockingIOError:  # the worker has ended, and a child of its own holds the other end
            return
        self.is_ready = self.is_ready or _READY in told
        self.has_served = self.has_served or _SERVED in told
        if not told:
            self.forget_state()

    def forget_state(self) -> None:
        os.close(self.state_fd)
        self.state_fd = -1


class Supervisor:
    """Runs until asked to stop; see the module."""

    def __init__(self, app: "ProAPI", options: Options) -> None:
        self._app = app
        self._options = options
        self._workers = [_Worker(number) for number in range(1, options.workers + 1)]
        self._stop_signal = 0
        self._exit_status = 0
        self._kill_at: float | None = None
        self._next_restart_at = 0.0
        self._announced = False

    def run(self) -> None:
        if self._options.tls is not None:
            check_files(self._options.tls)
        with ExitStack() as stack:
            self._sockets = open_sockets(self._app, self._options.listen, self._options.workers)
            stack.callback(self._sockets.close)
            stack.callback(self._sockets.remove_file)
            self._addresses: Addresses = self._sockets.addresses
            self._lifeline, self._lifeline_end = os.pipe()
            stack.callback(os.close, self._lifeline)
            stack.callback(self._cut_lifeline)
            self._wake, self._wake_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            stack.callback(os.close, self._wake)
            stack.callback(os.close, self._wake_end)
            # A signal that is ignored, as in a background job, stays ignored.
            self._handled = [
                each
                for each in _SIGNALS
                if each == signal.SIGCHLD
                or (signal.getsignal(each) is not signal.SIG_IGN and (each != signal.SIGHUP or self._options.tls))
            ]
            for number in self._handled:
                stack.callback(signal.signal, number, signal.signal(number, lambda *_: None))
            stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False))
            self._supervise()

    def _supervise(self) -> None:
        for worker in self._workers:
            self._start(worker)
        while any(worker.pid for worker in self._workers) or not self._stop_signal:
            self._wait()
            self._take_signals()
            self._reap()
            now = time.monotonic()
            if self._stop_signal:
                if self._kill_at is not None and now >= self._kill_at:
                    self._kill_busy()
                continue
            for worker in self._workers:
                if not worker.pid and now >= max(worker.due_at, self._next_restart_at):
                    self._start(worker)
                    self._next_restart_at = now + _MIN_RESTART_S
        if self._exit_status:
            raise SystemExit(self._exit_status)

    def _wait(self) -> None:
        """Waits for a signal, news of a worker's state, or the time of the next start."""
        due = [max(worker.due_at, self._next_restart_at) for worker in self._workers if not worker.pid]
        until = self._kill_at if self._stop_signal else min(due, default=None)
        timeout = None if until is None else max(0.0, until - time.monotonic())
        states = {worker.state_fd: worker for worker in self._workers if worker.state_fd >= 0}
        for fd in _readable([self._wake, *states], timeout):
            if worker := states.get(fd):
                worker.read_state()
        if not self._announced and all(worker.is_ready for worker in self._workers):
            self._announced = True
            announce(self._addresses, is_secure=self._options.tls is not None)

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._wake, 4096)
        except BlockingIOError:
            return
        if signal.SIGHUP in numbers:
            self._signal_all(signal.SIGHUP)  # they load their certificates again
        for number in numbers:
            if number not in _STOPPING:
                continue
            if self._stop_signal:
                self._end_at_once(128 + number)
            self._begin_stop(number)

    def _end_at_once(self, status: int) -> NoReturn:
        """Ends the workers and this process.

        A worker ends at once at its second signal. It may see two of a kind that come close together as one, so they
        are repeated.
        """
        until = time.monotonic() + _LAST_S
        while any(worker.pid for worker in self._workers) and time.monotonic() < until:
            self._signal_all(signal.SIGTERM)
            _readable([self._wake], _AGAIN_S)
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)
            self._reap()
        self._signal_all(signal.SIGKILL)
        end_process(status)

    def _begin_stop(self, number: int) -> None:
        self._stop_signal = number
        self._sockets.remove_file()
        self._cut_lifeline()
        self._kill_at = time.monotonic() + self._app.limits["shutdown_timeout"] + _KILL_MARGIN_S

    def _cut_lifeline(self) -> None:
        if self._lifeline_end >= 0:
            os.close(self._lifeline_end)
            self._lifeline_end = -1

    def _signal_all(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    def _kill_busy(self) -> None:
        """Kills workers whose loop does not turn. Shutdown functions have as much time as they take, as in one
        process."""
        after_s = self._app.limits["shutdown_timeout"] + _KILL_MARGIN_S
        for worker in self._workers:
            if worker.state_fd >= 0:
                worker.read_state()
            if worker.pid and not worker.has_served:
                logger.error("worker %d (pid %d) did not stop within %g s: killed", worker.number, worker.pid, after_s)
                os.kill(worker.pid, signal.SIGKILL)
        self._kill_at = None

    def _reap(self) -> None:
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == worker.pid:
                self._on_death(worker, os.waitstatus_to_exitcode(status))

    def _on_death(self, worker: _Worker, exit_code: int) -> None:
        pid, worker.pid = worker.pid, 0
        if worker.state_fd >= 0:
            worker.read_state()
        if worker.state_fd >= 0:
            worker.forget_state()
        if self._stop_signal:
            if worker.is_ready and exit_code not in _TOLD_TO and self._kill_at is not None:
                logger.error("worker %d (pid %d) %s while it stopped", worker.number, pid, _describe_end(exit_code))
            return
        if not worker.is_ready and not self._announced:
            # The worker has printed why on stderr; another attempt would fail the same way.
            if exit_code < 0:
                logger.error("worker %d (pid %d) %s before it served", worker.number, pid, _describe_end(exit_code))
            self._exit_status = 1
            self._begin_stop(signal.SIGTERM)
            return
        lived = time.monotonic() - worker.started_at
        worker.young_deaths = worker.young_deaths + 1 if lived < _YOUNG_S else 0
        delay = min(_MAX_BACKOFF_S, 2.0 ** (worker.young_deaths - 1)) if worker.young_deaths > 1 else 0.0
        worker.due_at = time.monotonic() + delay
        logger.error(
            "worker %d (pid %d) %s after %.1f s; a new one is started%s",
            worker.number,
            pid,
            _describe_end(exit_code),
            lived,
            f" in {delay:g} s" if delay else "",
        )

    def _start(self, worker: _Worker) -> None:
        worker.is_ready = worker.has_served = False
        worker.started_at = time.monotonic()
        try:
            self._fork(worker)
        except OSError as error:
            if not self._announced:
                raise
            worker.due_at = time.monotonic() + _RETRY_S
            logger.error(
                "worker %d can't be started: %s; it will be retried in %g s", worker.number, error.strerror, _RETRY_S
            )

    def _fork(self, worker: _Worker) -> None:
        state_fd, state_end = os.pipe()
        os.set_blocking(state_fd, False)
        flush_output()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            worker.pid = os.fork()
            if worker.pid == 0:
                os.close(state_fd)
                self._be_worker(state_end)
        except BaseException:
            os.close(state_fd)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(state_end)
        worker.state_fd = state_fd

    def _be_worker(self, state_end: int) -> NoReturn:
        """Runs the child's whole life."""
        try:
            self._live_as_worker(state_end)
        finally:  # also if stderr can't be written to, or a signal handler raises
            os._exit(1)

    def _live_as_worker(self, state_end: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in self._handled:
                # SIGHUP may come before the server handles it, and must not end the worker.
                signal.signal(number, (lambda *_: None) if number == signal.SIGHUP else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for fd in (self._lifeline_end, self._wake, self._wake_end):
                os.close(fd)
            for each in self._workers:
                if each.state_fd >= 0:
                    os.close(each.state_fd)
            leave_parents_objects()
            self._sockets.keep_from_children()
            self._serve(state_end)
            status = 0
        except (ListenError, OptionError) as error:
            print(f"proapi: {error}", file=sys.stderr)
        except BaseException as error:
            status = report(error)
        finish_process(status)

    def _serve(self, state_end: int) -> None:
        def tell(what: bytes) -> None:
            with suppress(BrokenPipeError):  # the supervisor has ended
                os.write(state_end, what)

        run_server(
            self._app,
            self._options,
            sockets=self._sockets,
            on_listening=lambda _: tell(_READY),
            on_served=lambda: tell(_SERVED),
            lifeline=self._lifeline,
        )


def _readable(descriptors: Iterable[int], timeout: float | None) -> list[int]:
    poll = select.poll()  # select() can't wait for descriptors from 1024 on
    for fd in descriptors:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(None if timeout is None else math.ceil(timeout * 1000))]


def _describe_end(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with status {exit_code}"
    return f"was ended by {signal.Signals(-exit_code).name}"
