"""Starts the proxies that the documentation configures, each as documented, on a free port and in its own folder.

A configuration is a block of code in the documentation. Only its addresses, and the paths of its certificates, are
replaced. Its own lines say how the proxy reaches the application (``Block.upstream``) and how its clients speak
(``Block.uses_tls``, ``Block.reads_http``).
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import trustme
from system_servers import END_S, ROOT, START_S

DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
SITE = "chat.example.org"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
# scripts/proxies_setup.sh unpacks here what is not installed.
_UNPACKED = ROOT / "build" / "proxies" / "root" / "usr"
_PREFIXES = (Path("/usr"), Path("/usr/local"), _UNPACKED)
_SEARCHED = os.pathsep.join(
    [os.environ.get("PATH", ""), *(f"{prefix}/{end}" for prefix in _PREFIXES for end in ("sbin", "bin"))]
)
_LIBRARIES = os.pathsep.join(str(path) for path in _UNPACKED.glob("lib/*-linux-gnu"))

Complete = Callable[[str, Path], str]

_NGINX_STREAM = "lib/nginx/modules/ngx_stream_module.so"


def nginx(block: str, folder: Path) -> str:
    everywhere = f"daemon off; pid {folder}/pid; error_log stderr notice;\n"
    events = "events {}\n"
    if block.startswith("stream {"):
        return f"load_module {installed(_NGINX_STREAM)};\n{everywhere}{events}{block}"
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"{everywhere}{events}http {{\naccess_log off;\n{places}{block}}}\n"


def caddy(block: str, folder: Path) -> str:
    """An authority of Caddy's own stands for the public one."""
    options = f"admin unix/{folder}/admin", "local_certs", "skip_install_trust", "auto_https disable_redirects"
    return "{\n" + "".join(f"    {option}\n" for option in options) + "}\n" + block


def haproxy(block: str, _: Path) -> str:
    return block


def apache(block: str, folder: Path) -> str:
    names = ("mpm_event", "authz_core", "headers", "ssl", "proxy", "proxy_http")
    modules = "".join(f"LoadModule {name}_module {installed(f'lib/apache2/modules/mod_{name}.so')}\n" for name in names)
    place = re.search(r"<VirtualHost (\S+)>", block)
    assert place is not None
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    return (
        f'ServerRoot "{folder}"\nPidFile "{folder}/pid"\nDefaultRuntimeDir "{folder}"\nErrorLog "|$/bin/cat"\n'
        f"ServerName localhost\n{modules}{user}Listen {place[1]}\n{block}"
    )


@dataclass(frozen=True)
class Kind:
    """A proxy program, and how a block of the documentation becomes a complete configuration for it.

    In commands, ``{config}`` and ``{folder}`` stand for paths.
    """

    program: str
    package: str
    complete: Complete
    arguments: tuple[str, ...]
    listens: str  # the listening address in the block, as a pattern
    at: str  # its replacement, with {port}
    reload: signal.Signals | tuple[str, ...]  # what makes it read its configuration again: a signal or a command
    answer_for_nobody: int  # its status if the application does not listen
    names_its_site: bool = False  # it answers for the site's name only, over TLS
    codes_at_reload: frozenset[int] = frozenset()  # with which it closes WebSockets; empty: they stay open


KINDS = {
    "nginx": Kind(
        "nginx",
        "nginx",
        nginx,
        ("-p", "{folder}", "-c", "{config}"),
        r"\blisten (80|443)\b",
        "listen 127.0.0.1:{port}",
        signal.SIGHUP,
        502,
    ),
    "caddyfile": Kind(
        "caddy",
        "caddy",
        caddy,
        ("run", "--adapter", "caddyfile", "--config", "{config}"),
        r"^chat\.example\.org \{$",
        "chat.example.org:{port} {{\n    bind 127.0.0.1",
        ("reload", "--adapter", "caddyfile", "--config", "{config}", "--address", "unix/{folder}/admin"),
        502,
        names_its_site=True,
        # It does not mask its Close to the application, which answers 1002; the client gets what comes first.
        codes_at_reload=frozenset({1001, 1002}),
    ),
    "haproxy": Kind(
        "haproxy",
        "haproxy",
        haproxy,
        ("-W", "-db", "-f", "{config}"),
        r"\bbind :(80|443)\b",
        "bind 127.0.0.1:{port}",
        signal.SIGUSR2,
        503,
    ),
    "apache": Kind(
        "apache2",
        "apache2-bin",
        apache,
        ("-DFOREGROUND", "-d", "{folder}", "-f", "{config}"),
        r"\*:(80|443)\b",
        "127.0.0.1:{port}",
        signal.SIGUSR1,
        503,
    ),
}


@dataclass(frozen=True)
class Block:
    """One configuration. ``place`` says where it is in the documentation."""

    kind: str
    place: str
    text: str

    @property
    def program(self) -> str | None:
        return shutil.which(KINDS[self.kind].program, path=_SEARCHED)

    @property
    def missing_package(self) -> str | None:
        """Returns the Debian package that has to be installed to run this block."""
        if self.program is None:
            return KINDS[self.kind].package
        is_without_module = self.kind == "nginx" and not self.reads_http and installed(_NGINX_STREAM) is None
        return "libnginx-mod-stream" if is_without_module else None

    @property
    def upstream(self) -> str:
        """The pattern of the application's address: a port or a Unix socket."""
        return r"/run/chat\.sock\b" if "/run/chat.sock" in self.text else r"\b127\.0\.0\.1:8000\b"

    @property
    def reaches_a_unix_socket(self) -> bool:
        return "sock" in self.upstream

    @property
    def reads_http(self) -> bool:
        """False: it passes on octets, begins each connection with a PROXY header, and leaves TLS to the application."""
        return not ("send-proxy" in self.text or "proxy_protocol on" in self.text)

    @property
    def uses_tls(self) -> bool:
        """Whether its clients speak TLS, with the proxy or with the application."""
        kind = KINDS[self.kind]
        found = re.search(kind.listens, self.text, re.M)
        assert found is not None
        return kind.names_its_site or found[1] == "443"


def blocks() -> list[Block]:
    """Returns every configuration of a proxy in the documentation."""
    found = []
    for path in DOCUMENTS:
        for match in _BLOCK.finditer(path.read_text()):
            if match[1] not in KINDS:
                continue
            block = Block(match[1], "", match[2])
            way = "unix" if block.reaches_a_unix_socket else "port" if block.reads_http else "octets"
            found.append(Block(match[1], f"{path.name}:{match[1]}:{way}", match[2]))
    return found


def installed(file: str) -> Path | None:
    """Returns the path of a file of an installed or unpacked package; ``file`` is relative to /usr."""
    return next((path for path in (prefix / file for prefix in _PREFIXES) if path.exists()), None)


def free_port() -> int:
    """Returns a port that nobody uses, and that the kernel chooses for nobody before it is used."""
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, max(first_ephemeral, 11_000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def replaced(pattern: str, by: str, text: str) -> str:
    """Replaces the pattern. Fails if it does not occur, because then the test would not test what it means to."""
    changed, count = re.subn(pattern, lambda _: by, text, flags=re.M)
    assert count > 0, f"{pattern!r} is not in the documentation's configuration:\n{text}"
    return changed


class Certificates:
    """The site's certificate, by an authority of its own, in the files that the documentation names."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(SITE)
        self.folder = folder
        self.authority = folder / "authority.pem"
        self.chain, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        authority.cert_pem.write_to_path(self.authority)
        issued.cert_chain_pems[0].write_to_path(self.chain)
        issued.private_key_pem.write_to_path(self.key)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")


class Proxy:
    """A running proxy. Its output is in a file."""

    def __init__(self, block: Block, upstream: str, certificates: Certificates, folder: Path) -> None:
        self.port = free_port()
        self._block, self._kind = block, KINDS[block.kind]
        self._certificates, self._folder = certificates, folder
        self._log = folder / "log"
        self._environment = {
            "PATH": _SEARCHED,
            "LD_LIBRARY_PATH": _LIBRARIES,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config.d"),
            "TMPDIR": str(folder),
        }
        self._configure(upstream)
        self._process = self._start(self._kind.arguments)
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def _configure(self, upstream: str) -> None:
        text = replaced(self._block.upstream, upstream, self._block.text)
        text = replaced(self._kind.listens, self._kind.at.format(port=self.port), text)
        text = text.replace("/etc/ssl/chat/", f"{self._certificates.folder}/")
        (self._folder / "config").write_text(self._kind.complete(text, self._folder))

    def _start(self, arguments: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        assert self._block.program is not None
        completed = (each.format(folder=self._folder, config=self._folder / "config") for each in arguments)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._block.program, *completed],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """What a client of the site trusts."""
        if not self._block.uses_tls:
            return None
        own = self._folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        return ssl.create_default_context(cafile=own if self._kind.names_its_site else self._certificates.authority)

    def connect(self, timeout_s: float, source: str = "127.0.0.1") -> socket.socket:
        """Returns a new connection from an address of the loopback interface, after the handshake of TLS."""
        lower = socket.create_connection(("127.0.0.1", self.port), timeout_s, (source, 0))
        try:
            return self.tls.wrap_socket(lower, server_hostname=SITE) if self.tls else lower
        except BaseException:
            lower.close()
            raise

    def _wait_until_it_listens(self) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                self.connect(1).close()
            except OSError as error:
                ended = self._process.poll() is not None
                assert not ended and time.monotonic() < until, f"the proxy does not serve: {error}\n{self.output}"
                time.sleep(0.02)  # a proxy does not signal when it begins to listen
            else:
                return

    def reload(self, upstream: str) -> None:
        """Makes it read the configuration again, which now names another address of the application."""
        self._configure(upstream)
        if isinstance(self._kind.reload, signal.Signals):
            return self._process.send_signal(self._kind.reload)
        assert self._start(self._kind.reload).wait(END_S) == 0, self.output
        return None

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


@contextlib.contextmanager
def public_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that other users may enter: a proxy's workers run as one of them."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def proxied(block: Block, upstream: str, certificates: Certificates) -> Iterator[Proxy]:
    """Runs the proxy of this block in front of the server at ``upstream``: ``127.0.0.1:PORT`` or the path of a Unix
    socket."""
    with public_folder("proxy-") as folder:
        proxy = Proxy(block, upstream, certificates, folder)
        try:
            yield proxy
        finally:
            proxy.stop()
