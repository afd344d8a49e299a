"""TLS: versions, certificates and their renewal, clients' certificates, the end that can't be forged, and rubbish.

``pytest --tls`` runs the other tests of this suite over TLS.
"""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import raw
import trustme
from driver import Subject
from front_ends import FRONT_ENDS, Program, Server
from promises import promise
from raw import Peer, WebSocket, http, request
from tls_socket import TlsSocket
from websockets.sync.client import connect

pytestmark = pytest.mark.plain("has certificates of its own")

Start = Callable[..., Server]

_HANDSHAKE_RECORD, _ALERT_RECORD = 22, 21  # RFC 8446 section 5.1


class Certificates:
    """An authority, and files of certificates that it has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)

    def make(self, name: str, *hosts: str) -> tuple[str, str]:
        """Writes NAME.pem and NAME.key."""
        made = self.authority.issue_cert(*(hosts or ("localhost", "127.0.0.1")), common_name=name)
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        for number, blob in enumerate(made.cert_chain_pems):
            blob.write_to_path(files[0], append=number > 0)
        made.private_key_pem.write_to_path(files[1])
        return str(files[0]), str(files[1])

    def options(self, name: str = "server", *hosts: str) -> tuple[str, ...]:
        certfile, keyfile = self.make(name, *hosts)
        return ("--ssl-certfile", certfile, "--ssl-keyfile", keyfile)

    def client(self, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certificate:
            context.load_cert_chain(*certificate)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def trusting(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Makes the raw client use TLS and trust the authority."""
    monkeypatch.setattr(raw, "tls_context", certificates.client())
    return certificates


def name_of_server(port: int, certificates: Certificates, host: str = "localhost") -> str:
    """The common name in the certificate that a client of ``host`` gets."""
    context = certificates.client()
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), 10) as lower:
        certificate: Any = TlsSocket(lower, context, host).session.getpeercert()
    subject = certificate["subject"]
    return str(next(pair[1] for part in subject for pair in part if pair[0] == "commonName"))


# ---- serving --------------------------------------------------------------------------------------------------------


@promise("tls")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions(
    start_server: Start, trusting: Certificates, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    server = start_server(options=trusting.options())
    assert f"https://127.0.0.1:{server.port}" in server.lines[0]
    assert raw.tls_context
    raw.tls_context.minimum_version = raw.tls_context.maximum_version = version
    assert http(server.port, "GET", "/livez").body == b"ok"
    assert http(server.port, "GET", "/features/request").json()["url"].startswith("https://localhost/")
    with WebSocket(server.port, "/echo") as websocket:
        for message in ["Grüße", "x" * 300_000]:
            websocket.send_message(message)
            assert websocket.receive(20) == message


@promise("tls")
def test_old_versions_are_refused(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=certificates.options())
    context = certificates.client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.port), 10) as lower,
        pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"),
    ):
        TlsSocket(lower, context)
    server.wait_for_line(r"127\.0\.0\.1:\d+: TLS: unsupported protocol")


@promise("tls")
def test_real_clients(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=certificates.options())
    with connect(f"wss://localhost:{server.port}/echo", ssl=certificates.client(), compression=None) as websocket:
        websocket.send("Grüße")
        assert websocket.recv(timeout=10) == "Grüße"
    with urllib.request.urlopen(f"https://localhost:{server.port}/livez", context=certificates.client()) as response:
        assert response.read() == b"ok"


@promise("tls-certificates")
def test_the_host_selects_the_certificate(start_server: Start, certificates: Certificates) -> None:
    options = certificates.options("first") + certificates.options("second", "*.example.org")
    server = start_server(options=options)
    names = {host: name_of_server(server.port, certificates, host) for host in ["localhost", "a.example.org", "other"]}
    assert names == {"localhost": "first", "a.example.org": "second", "other": "first"}


@promise("tls")
def test_workers_resume_each_others_sessions(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=(*certificates.options(), "--workers", "2"))
    context = certificates.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose ticket is part of the handshake
    session = None
    for attempt in range(12):  # at the workers that the kernel chooses
        with (
            socket.create_connection(("127.0.0.1", server.port), 10) as lower,
            context.wrap_socket(lower, server_hostname="localhost", session=session) as wrapped,
        ):
            assert wrapped.session_reused == (attempt > 0)
            session = session or wrapped.session
            wrapped.unwrap()


@promise("tls")
def test_after_a_proxy_header(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=(*certificates.options(), "--trusted-proxies", "127.0.0.1", "--proxy-protocol"))
    with socket.create_connection(("127.0.0.1", server.port), 10) as lower:
        lower.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 443\r\n")
        secured = TlsSocket(lower, certificates.client())
        secured.sendall(request("GET", "/who", [("Connection", "close")]))
        answer = b""
        while part := secured.recv(4096):
            answer += part
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (told["client"], told["scheme"]) == ("192.0.2.7", "https")


@promise("tls")
def test_over_a_unix_socket(start_server: Start, certificates: Certificates, tmp_path: Path) -> None:
    path = str(tmp_path / "tls.sock")
    start_server(options=(*certificates.options(), "--uds", path))
    with socket.socket(socket.AF_UNIX) as lower:
        lower.connect(path)
        lower.settimeout(10)
        secured = TlsSocket(lower, certificates.client())
        secured.sendall(request("GET", "/livez"))
        assert secured.recv(4096).startswith(b"HTTP/1.1 200 ")


# ---- renewal --------------------------------------------------------------------------------------------------------


@promise("tls-certificates")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("way", ["SIGHUP", "by itself"])
def test_renewal(start_server: Start, trusting: Certificates, way: str, workers: int) -> None:
    """New connections get the new certificate; those that are open go on."""
    server = start_server(options=(*trusting.options("old"), "--workers", str(workers)))
    with WebSocket(server.port, "/echo") as websocket:
        for old, new in zip(trusting.make("old"), trusting.make("new"), strict=True):
            os.replace(new, old)
        if way == "SIGHUP":
            server.signal(signal.SIGHUP)
        after = 0
        for _ in range(workers):
            line = server.wait_for_line("the certificates were reloaded", after=after).string
            after = server.lines.index(line, after) + 1
        assert {name_of_server(server.port, trusting) for _ in range(6)} == {"new"}
        websocket.send_message("still here")
        assert websocket.receive() == "still here"


@promise("tls-certificates")
@pytest.mark.parametrize("workers", [1, 2])
def test_many_requests_to_reload_are_one(start_server: Start, trusting: Certificates, workers: int) -> None:
    """They come faster than certificates are loaded, and the server must still answer, and stop."""
    server = start_server(options=(*trusting.options(), "--workers", str(workers)))
    for _ in range(100_000):
        server.signal(signal.SIGHUP)
    assert http(server.port, "GET", "/livez").status == 200
    server.wait_for_line("the certificates were reloaded")
    # start_server() ends the server, in time and with its usual status.


@promise("tls-certificates")
def test_bad_files_leave_the_old_certificate_in_use(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=certificates.options("old"))
    server.expect_fault("the certificates were not reloaded")
    keyfile = certificates.folder / "old.key"
    keyfile.write_text("rubbish")
    server.signal(signal.SIGHUP)
    server.wait_for_line(
        rf"the certificates were not reloaded, the old ones stay in use: ssl_keyfile: .*{re.escape(str(keyfile))}"
    )
    assert name_of_server(server.port, certificates) == "old"


# ---- clients' certificates ------------------------------------------------------------------------------------------


@promise("tls-client-certificates")
@pytest.mark.parametrize("reqs", ["none", "optional", "required", None])
def test_certificates_of_clients(
    start_server: Start, trusting: Certificates, monkeypatch: pytest.MonkeyPatch, reqs: str | None
) -> None:
    given = ("--ssl-cert-reqs", reqs) if reqs else ()
    server = start_server(options=(*trusting.options(), "--ssl-ca-certs", str(trusting.ca_file), *given))
    if reqs in ("required", None):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            http(server.port, "GET", "/features/request")
        server.wait_for_line("TLS: peer did not return a certificate")
    else:
        assert http(server.port, "GET", "/features/request").json()["client_certificate"] is None
    files = trusting.make("client", "client.example.org")
    monkeypatch.setattr(raw, "tls_context", trusting.client(files))
    leaf = "".join(re.findall(r"(?s)-----BEGIN CERTIFICATE.*?END CERTIFICATE-----\n", Path(files[0]).read_text())[:1])
    expected = None if reqs == "none" else leaf
    assert http(server.port, "GET", "/features/request").json()["client_certificate"] == expected
    subject = Subject(server.port)
    assert subject.do("state")["client_certificate"] == expected
    subject.disconnect()


@promise("tls-client-certificates")
def test_a_strangers_certificate_is_refused(
    start_server: Start, trusting: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = start_server(options=(*trusting.options(), "--ssl-ca-certs", str(trusting.ca_file)))
    (tmp_path / "strangers").mkdir()
    stranger = Certificates(tmp_path / "strangers").make("stranger")
    monkeypatch.setattr(raw, "tls_context", trusting.client(stranger))
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        http(server.port, "GET", "/livez")
    server.wait_for_line("TLS: the client's certificate is not accepted: ")


# ---- the end --------------------------------------------------------------------------------------------------------


@promise("tls-end")
def test_an_end_without_close_notify_is_no_close(start_server: Start, trusting: Certificates) -> None:
    server = start_server(options=trusting.options())
    subject = Subject(server.port)
    assert isinstance(subject.peer.socket, TlsSocket)
    subject.peer.socket.lower.shutdown(socket.SHUT_WR)  # what somebody on the way could do
    assert subject.fails("receive").code == 1006
    subject.disconnect()


@promise("tls-end")
def test_the_server_ends_with_close_notify(start_server: Start, trusting: Certificates) -> None:
    server = start_server(options=trusting.options())
    with Peer(server.port) as peer:
        peer.send(request("GET", "/livez", [("Connection", "close")]))
        assert peer.read_response().body == b"ok"
        assert peer.fill() is False, "an end without close_notify is a reset"
    with WebSocket(server.port, "/close?code=4000&reason=bye") as websocket:
        websocket.expect_close(4000, "bye")


# ---- hostile and mistaken clients -----------------------------------------------------------------------------------


@promise("tls-faults")
def test_a_plain_request_is_told_so(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=certificates.options())
    with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
        plain.sendall(request("GET", "/livez"))
        answer = b""
        while part := plain.recv(4096):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"https://" in body
    server.wait_for_line(r"127\.0\.0\.1:\d+: a plain HTTP request came to a port of TLS")


@promise("tls-faults")
@pytest.mark.parametrize(
    "octets",
    [b"\x16\x03\x01\x00\x05hello", b"\x80" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 50],
    ids=["a short hello", "no record", "a record that is too long"],
)
def test_rubbish_gets_an_alert_or_the_end(start_server: Start, trusting: Certificates, octets: bytes) -> None:
    server = start_server(options=trusting.options())
    with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
        plain.sendall(octets)
        with contextlib.suppress(ConnectionResetError):
            answer = plain.recv(4096)
            assert answer[:1] in (b"", bytes([_ALERT_RECORD]))
            assert not answer or plain.recv(4096) == b""
    server.wait_for_line(r"127\.0\.0\.1:\d+: TLS: ")
    assert http(server.port, "GET", "/livez").status == 200


@promise("tls-faults")
def test_a_handshake_has_its_time(start_server: Start, trusting: Certificates) -> None:
    server = start_server(options=trusting.options(), limits={"head_timeout": 0.5})
    record = bytes([_HANDSHAKE_RECORD, 3, 1, 2, 0])  # a handshake message of 512 octets that never comes
    for octets in (b"", record, record + b"\x01\x00\x01\xfc"):
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
            plain.sendall(octets)
            with contextlib.suppress(ConnectionResetError):
                assert plain.recv(4096) == b""
    assert http(server.port, "GET", "/livez").status == 200


@promise("tls-faults")
def test_lines_about_faults_are_limited(start_server: Start, certificates: Certificates) -> None:
    server = start_server(options=certificates.options())
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.recv(4096)
    server.wait_for_line("lines like the last ones were left out")
    assert sum("plain HTTP request" in line for line in server.lines) < 50


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(front_end: str, certificates: Certificates) -> Callable[..., str]:
    """Starts the contract application with options that it must refuse, and returns its one line."""

    def start(*options: str) -> str:
        with Program([*FRONT_ENDS[front_end].command(), *options]) as program:
            assert program.wait() == 1
            assert len(program.lines) == 1, program.log
            return program.lines[0].replace(str(certificates.folder), "DIR")

    return start


@promise("tls-options")
@pytest.mark.parametrize("workers", [1, 2])
def test_wrong_files(refused: Callable[..., str], certificates: Certificates, workers: int) -> None:
    more = ("--workers", str(workers))
    certfile, keyfile = certificates.make("server")
    other = certificates.make("other")[1]
    none, text = str(certificates.folder / "none.pem"), str(certificates.folder / "text.pem")
    Path(text).write_text("nothing\n")
    lines = [
        refused("--ssl-certfile", none, "--ssl-keyfile", keyfile, *more),
        refused("--ssl-certfile", text, "--ssl-keyfile", keyfile, *more),
        refused("--ssl-certfile", certfile, "--ssl-keyfile", none, *more),
        refused("--ssl-certfile", certfile, "--ssl-keyfile", other, *more),
        refused("--ssl-certfile", certfile, "--ssl-keyfile", keyfile, "--ssl-ca-certs", none, *more),
        refused("--ssl-certfile", certfile, "--ssl-keyfile", keyfile, "--ssl-ciphers", "none such", *more),
    ]
    assert lines == [
        "proapi: ssl_certfile: can't read 'DIR/none.pem': No such file or directory",
        "proapi: ssl_certfile: expected a PEM certificate in 'DIR/text.pem', got: no start line",
        "proapi: ssl_keyfile: can't read 'DIR/none.pem': No such file or directory",
        "proapi: ssl_keyfile: the key in 'DIR/other.key' does not belong to the certificate in 'DIR/server.pem'",
        "proapi: ssl_ca_certs: can't read 'DIR/none.pem': No such file or directory",
        "proapi: ssl_ciphers: expected ciphers of TLS 1.2 in OpenSSL's notation, got 'none such'",
    ]


@promise("tls-options")
def test_options_that_need_others(refused: Callable[..., str], certificates: Certificates) -> None:
    certfile, keyfile = certificates.make("server")
    one = ("--ssl-certfile", certfile, "--ssl-keyfile", keyfile)
    assert "ssl_certfile" in refused("--ssl-keyfile", keyfile)
    assert "ssl_keyfile: expected as many files as ssl_certfile has (1), got 2" in refused(
        *one, "--ssl-keyfile", keyfile
    )
    assert "ssl_cert_reqs: expected ssl_ca_certs" in refused(*one, "--ssl-cert-reqs", "required")
