"""Restarts of the application behind the documented proxies, and reloads of the proxies: what clients notice."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from promises import promise
from proxies import KINDS, Block, Certificates, free_port, proxied, public_folder
from sites import DEADLINE_S, Site, application, command, of_blocks, running_site
from system_servers import CONTRACT, Process, serving
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

pytestmark = promise("proxies")


async def is_closed(client: ClientConnection, codes: Set[int]) -> None:
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert client.close_code in codes


def pid(site: Site) -> int:
    [answer] = json.loads(site.ask("GET", "/pid"))
    return int(answer)


def statuses_of_many(site: Site) -> set[int]:
    """Of enough clients at once to reach each process of the proxy."""
    with ThreadPoolExecutor(20) as clients:
        return set(clients.map(lambda _: site.status("GET", "/pid"), range(20)))


# ---- one after the other on the same address ------------------------------------------------------------------------


async def test_a_stop_is_told_and_the_next_server_is_found(block: Block, certificates: Certificates) -> None:
    """Also if the proxy has found nobody in the meantime."""
    with ExitStack() as stack:
        folder = stack.enter_context(public_folder("restart-"))
        app, address = stack.enter_context(application(block, certificates, folder, port=free_port()))
        site = Site(block, app, stack.enter_context(proxied(block, address, certificates)))
        async with asyncio.timeout(DEADLINE_S), site.connect() as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            app.popen.terminate()
            await is_closed(client, {1001})
        assert app.wait() == 0, app.output
        if block.reads_http:
            assert statuses_of_many(site) == {KINDS[block.kind].answer_for_nobody}
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                site.open_socket()
        after, _ = stack.enter_context(application(block, certificates, folder, port=app.port))
        assert pid(site) == after.pid
        assert statuses_of_many(site) == {200}


# ---- a socket that stays --------------------------------------------------------------------------------------------


@contextmanager
def steady_requests(site: Site, clients: int = 4) -> Iterator[Callable[[], None]]:
    """Clients ask one request after the other, each on one connection until the proxy closes it. The function that is
    yielded waits until each of them has had ten more answers. Fails if a request is not answered with 200."""
    answers = [0] * clients
    more = threading.Condition()
    failures: list[str] = []
    done = threading.Event()

    def ask(number: int) -> None:
        path, body = ("/digest", os.urandom(1000)) if number % 2 else ("/pid", None)
        try:
            while not done.is_set():
                with site.open_http() as connection:
                    while not done.is_set() and connection.sock:  # Apache closes it after a hundred requests
                        status, content = site.ask_on(connection, "POST" if body else "GET", path, body)
                        assert status == 200, (status, content)
                        with more:
                            answers[number] += 1
                            more.notify()
        except Exception as error:
            with more:
                failures.append(f"{path} after {answers[number]} answers: {error!r}")
                more.notify()

    def wait_for_more() -> None:
        with more:
            wanted = [answer + 10 for answer in answers]
            done_in_time = more.wait_for(
                lambda: failures or all(answer >= want for answer, want in zip(answers, wanted, strict=True)),
                DEADLINE_S,
            )
            assert done_in_time, answers
            assert not failures

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield wait_for_more
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures


@promise("hot-restart")
@of_blocks(lambda block: block.reaches_a_unix_socket)  # the others keep connections to the application
def test_a_restart_loses_no_request(block: Block, certificates: Certificates) -> None:
    """As systemd restarts a server whose socket it keeps."""
    with public_folder("restart-") as folder, socket.socket(socket.AF_UNIX) as kept:
        path = str(folder / "chat.sock")
        kept.bind(path)
        os.chmod(path, 0o666)
        kept.listen(128)
        launcher: list[str | Path] = [sys.executable, CONTRACT / "launch.py", str(kept.fileno())]
        launched = [*launcher, *command(block, certificates)]

        def serve() -> Process:
            return stack.enter_context(serving(launched, inherited=[kept.fileno()]))

        with ExitStack() as stack:
            app = serve()
            site = Site(block, app, stack.enter_context(proxied(block, path, certificates)))
            with steady_requests(site) as wait_for_more:
                for _ in range(3):
                    wait_for_more()
                    app.signal(signal.SIGTERM)
                    assert app.wait() == 0, app.output
                    app = serve()
                wait_for_more()


# ---- another address: the proxy is reloaded -------------------------------------------------------------------------


def wait_for_the_new_server(site: Site, new: Process) -> None:
    """Returns once every client has been led to it for half a second: for a tenth of a second after a reload nginx
    accepts in its old processes too."""
    begin = last_old = time.monotonic()
    while (now := time.monotonic()) < last_old + 0.5:
        if pid(site) != new.pid:
            last_old = now
        assert now < begin + DEADLINE_S, site.proxy.output


async def test_a_reload_leads_new_clients_to_the_new_server(block: Block, certificates: Certificates) -> None:
    """The proxy's configuration gets another address of the application. Open WebSockets stay with the old server until
    it stops, unless the proxy itself closes them."""
    with (
        running_site(block, certificates) as site,
        public_folder("site-") as folder,
        application(block, certificates, folder) as (after, address),
    ):
        assert pid(site) == site.app.pid
        async with asyncio.timeout(DEADLINE_S), site.connect() as client:
            await asyncio.to_thread(site.proxy.reload, address)
            await asyncio.to_thread(wait_for_the_new_server, site, after)
            if codes := KINDS[block.kind].codes_at_reload:
                await is_closed(client, codes)
            else:
                await client.send("still here")
                assert await client.recv() == "still here"
                site.app.popen.terminate()
                await is_closed(client, {1001})
        assert pid(site) == after.pid
