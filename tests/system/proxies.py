"""Starts the proxies that the documentation configures, each as documented, on a free port and in its own folder."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from system_servers import END_S, ROOT, START_S

DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"

Config = Callable[[str, Path], str]


def nginx(block: str, folder: Path) -> str:
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr notice;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{block}}}\n"
    )


def caddy(block: str, _: Path) -> str:
    return "{\n    admin off\n    auto_https off\n}\n" + block


def haproxy(block: str, _: Path) -> str:
    return block


def apache(block: str, folder: Path) -> str:
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "headers", "proxy", "proxy_http")
    )
    place = re.search(r"<VirtualHost (\S+)>", block)
    assert place is not None
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    return (
        f'ServerRoot "{folder}"\nPidFile "{folder}/pid"\nErrorLog "|$/bin/cat"\nServerName localhost\n'
        f"{modules}{user}Listen {place[1]}\n{block}"
    )


@dataclass(frozen=True)
class Kind:
    """A proxy program, and how a block of the documentation becomes a complete configuration for it."""

    program: str
    package: str
    complete: Config
    arguments: tuple[str, ...]  # {config} and {folder} stand for paths
    listens: str  # the listening address in the block, as a pattern
    at: str  # its replacement, with {port}


KINDS = {
    "nginx": Kind(
        "nginx", "nginx-light", nginx, ("-p", "{folder}", "-c", "{config}"), r"\blisten 80;", "listen 127.0.0.1:{port};"
    ),
    "caddyfile": Kind(
        "caddy",
        "caddy",
        caddy,
        ("run", "--adapter", "caddyfile", "--config", "{config}"),
        r"^chat\.example\.org \{$",
        "http://:{port} {{\n    bind 127.0.0.1",
    ),
    "haproxy": Kind("haproxy", "haproxy", haproxy, ("-db", "-f", "{config}"), r"\bbind :80$", "bind 127.0.0.1:{port}"),
    "apache": Kind(
        "apache2",
        "apache2-bin",
        apache,
        ("-DFOREGROUND", "-d", "{folder}", "-f", "{config}"),
        r"\*:80\b",
        "127.0.0.1:{port}",
    ),
}


@dataclass(frozen=True)
class Block:
    kind: str
    place: str  # the document that contains it
    text: str

    @property
    def program(self) -> str | None:
        return shutil.which(KINDS[self.kind].program, path=_SEARCHED)


def blocks() -> list[Block]:
    """Returns every configuration of a proxy in the documentation."""
    return [
        Block(match[1], f"{path.name}:{match[1]}", match[2])
        for path in DOCUMENTS
        for match in _BLOCK.finditer(path.read_text())
        if match[1] in KINDS
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def replaced(pattern: str, by: str, text: str) -> str:
    """Replaces the pattern. Fails if it does not occur, because then the test would not test what it means to."""
    changed, count = re.subn(pattern, lambda _: by, text, flags=re.M)
    assert count > 0, f"{pattern!r} is not in the documentation's configuration:\n{text}"
    return changed


class Proxy:
    """A running proxy. Its output is in a file."""

    def __init__(self, block: Block, backend: int, folder: Path) -> None:
        kind = KINDS[block.kind]
        self.port = free_port()
        text = replaced(r"\b127\.0\.0\.1:8000\b", f"127.0.0.1:{backend}", block.text)
        text = replaced(kind.listens, kind.at.format(port=self.port), text)
        config = folder / "config"
        config.write_text(kind.complete(text, folder))
        assert block.program is not None
        command = [block.program, *(each.format(folder=folder, config=config) for each in kind.arguments)]
        environment = {"PATH": _SEARCHED, "HOME": str(folder), "TMPDIR": str(folder)}
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                ended = self._process.poll() is not None
                assert not ended and time.monotonic() < until, f"the proxy does not listen:\n{self.output}"
                time.sleep(0.02)  # a proxy does not signal when it begins to listen
            else:
                return

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def proxied(block: Block, backend: int) -> Iterator[Proxy]:
    """Runs the proxy of this block in front of the server at ``backend``."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a proxy's workers run as another user
        proxy = Proxy(block, backend, folder)
        try:
            yield proxy
        finally:
            proxy.stop()
