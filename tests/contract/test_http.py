"""HTTP/1.1: what handlers are given, what they may answer, and the protocol around both."""

import os
import re

import pytest
import raw
from front_ends import Server
from promises import promise
from raw import EndOfStreamError, Peer, exchange, http, request

# ---- what a handler is told -----------------------------------------------------------------------------------------


@promise("route-methods", "request")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_request(server: Server, method: str) -> None:
    target = "/features/request?a=1&a=2&b=x%20y+z&c"
    headers = [("X-Twice", "1"), ("x-twice", "2"), ("Cookie", 'one=1; two="zwei"')]
    with Peer(server.port) as peer:
        told = peer.ask(method, target, headers, b"" if method == "GET" else b"the body").json()
        assert told["client"] == list(peer.socket.getsockname() or ("unix", 0))
    assert (told["method"], told["path"]) == (method, "/features/request")
    assert told["query"] == {"a": ["1", "2"], "b": ["x y z"], "c": [""]}
    assert told["headers"]["x-twice"] == ["1", "2"]
    assert told["cookies"] == {"one": "1", "two": "zwei"}
    assert told["url"] == f"{raw.scheme('http')}://localhost{target}"
    assert told["body"] == ("" if method == "GET" else "the body")


@promise("forms")
def test_form(server: Server) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    told = http(server.port, "POST", "/features/form", form, b"a=1&b=x+y%26&a=%E2%82%AC").json()
    assert told == [["a", "1"], ["b", "x y&"], ["a", "\u20ac"]]
    assert http(server.port, "POST", "/features/form", [("Content-Type", "text/plain")], b"a=1").status == 415


# What browsers send for FormData (HTML Standard, "multipart/form-data encoding algorithm"): texts with their line ends
# changed to CRLF, two files with one name, a Blob, and a file field that was left empty.
BOUNDARY = "----WebKitFormBoundaryqE7Zq3Yk0cVb5xTn"
OCTETS = bytes(range(256))
FORM_DATA = (
    b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {params}\r\n".encode() + more + b"\r\n" + data + b"\r\n"
        for params, more, data in (
            ('name="title \u20ac"', b"", "a\r\nb \u20ac".encode()),
            ('name="f"; filename="a%22\u00e9.bin"', b"Content-Type: application/octet-stream\r\n", OCTETS),
            (
                'name="f"; filename="C:\\new.txt"',
                b"Content-Type: text/plain\r\n",
                b"--" + BOUNDARY.encode()[:-1] + b"\r\n",
            ),
            ("name=star; filename*=UTF-8''h%C3%B6he%20%E2%86%92.bin", b"", OCTETS),
            ("name=both; filename=ignored; filename*=utf-8'de'%E2%82%AC", b"", b"text"),
            ('name="blob"; filename="blob"', b"Content-Type: application/octet-stream\r\n", b""),
            ('name="none"; filename=""', b"Content-Type: application/octet-stream\r\n", b""),
            ('name="title \u20ac"', b"", b""),
        )
    )
    + f"--{BOUNDARY}--\r\n".encode()
)
MULTIPART = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]


@promise("forms", "form-filename")
def test_multipart_form(server: Server) -> None:
    fields = http(server.port, "POST", "/features/form", MULTIPART, FORM_DATA).json()
    assert fields == [["title \u20ac", "a\r\nb \u20ac"], ["title \u20ac", ""]]
    files = http(server.port, "POST", "/features/files", MULTIPART, FORM_DATA).json()
    assert files == [
        ["f", 'a"\u00e9.bin', "application/octet-stream", OCTETS.decode("latin-1")],
        ["f", "C:\\new.txt", "text/plain", f"--{BOUNDARY[:-1]}\r\n"],
        ["star", "h\u00f6he \u2192.bin", "text/plain", OCTETS.decode("latin-1")],
        ["both", "\u20ac", "text/plain", "text"],
        ["blob", "blob", "application/octet-stream", ""],
    ]
    urlencoded = [("Content-Type", "application/x-www-form-urlencoded")]
    assert http(server.port, "POST", "/features/files", urlencoded, b"a=1").json() == []


@promise("no-field-left-out")
def test_no_field_of_a_form_is_left_out(server: Server) -> None:
    """All of 1,000 fields arrive; a form with more is refused."""
    urlencoded = [("Content-Type", "application/x-www-form-urlencoded")]
    fields = [f"f{number}={number}" for number in range(1000)]
    sent = "&".join(fields).encode()
    assert http(server.port, "POST", "/features/form", urlencoded, sent).json()[-1] == ["f999", "999"]
    refused = http(server.port, "POST", "/features/form", urlencoded, sent + b"&token=yes")
    assert refused.status == 400
    assert b"expected a form of at most 1000 fields, got 1001" in refused.body
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
    sent = (f"{head}\r\n" * 1001 + f"--{BOUNDARY}--\r\n").encode()
    refused = http(server.port, "POST", "/features/form", MULTIPART, sent)
    assert refused.status == 400
    assert re.search(rb"expected at most 1000 (parts|text fields)", refused.body)


@promise("no-field-left-out")
def test_no_parameter_of_a_query_is_left_out(server: Server) -> None:
    query = "&".join([*("a" for _ in range(3000)), "token=yes"])
    told = http(server.port, "GET", "/features/request?" + query).json()["query"]
    assert (len(told["a"]), told["token"]) == (3000, ["yes"])


@promise("forms")
@pytest.mark.parametrize("path", ["/features/form", "/features/files"])
def test_a_multipart_form_that_is_malformed(server: Server, path: str) -> None:
    refusal = http(server.port, "POST", path, MULTIPART, FORM_DATA[:-4])
    assert refusal.status == 400
    assert b"two hyphens, the boundary and two hyphens, got none" in refusal.body
    without_boundary = [("Content-Type", "multipart/form-data")]
    assert http(server.port, "POST", path, without_boundary, FORM_DATA).status == 400
    refusal = http(server.port, "POST", path, [("Content-Type", "text/plain")], b"a=1")
    assert refusal.status == 415
    for expected in (b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"):
        assert expected in refusal.body


@promise("forms")
def test_a_multipart_form_in_pieces(server: Server) -> None:
    """The body is collected before it is parsed, wherever it was cut."""
    head = request("POST", "/features/files", [*MULTIPART, ("Transfer-Encoding", "chunked")])
    with Peer(server.port) as peer:
        peer.send(head)
        for at in range(0, len(FORM_DATA), 7):
            piece = FORM_DATA[at : at + 7]
            peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        peer.send(b"0\r\n\r\n")
        assert [name for name, *_ in peer.read_response().json()] == ["f", "f", "star", "both", "blob"]


@promise("json-byte-order-mark", "request-json")
def test_json(server: Server) -> None:
    json = [("Content-Type", "application/json")]
    assert http(server.port, "POST", "/features/json", json, b'{"a":[1]}').json() == {"got": {"a": [1]}}
    marked = b'\xef\xbb\xbf{"a":"\xe2\x82\xac"}'
    assert http(server.port, "POST", "/features/json", json, marked).json() == {"got": {"a": "\u20ac"}}
    for wrong in (b"{", b"\xff", b"NaN", b"1 2", b"\xef\xbb\xbf" + marked):
        assert http(server.port, "POST", "/features/json", json, wrong).status == 400


@promise("json-whole-numbers")
@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])
def test_whole_numbers_of_64_bits_are_exact(server: Server, number: int) -> None:
    got = http(server.port, "POST", "/features/json", [("Content-Type", "application/json")], b'{"id":%d}' % number)
    assert got.json() == {"got": {"id": number}}


@promise("json-whole-numbers")
@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 12345678901234567890123, 10**30, -(10**40) - 7])
def test_larger_whole_numbers_are_exact_or_refused(server: Server, number: int) -> None:
    got = http(server.port, "POST", "/features/json", [("Content-Type", "application/json")], b'[{"id":%d}]' % number)
    if got.status == 200:
        assert got.json() == {"got": [{"id": number}]}
    else:
        assert (got.status, str(number).encode() in got.body) == (400, True)


# ---- what a handler may answer --------------------------------------------------------------------------------------


@promise("kinds-of-responses")
def test_kinds_of_answers(server: Server) -> None:
    assert http(server.port, "GET", "/features/list").json() == [1, "zwei", None, {"drei": 3.5}]
    html = http(server.port, "GET", "/features/html")
    assert (html.get("content-type"), html.body) == ("text/html; charset=utf-8", "<p>\u20ac</p>".encode())
    octets = http(server.port, "GET", "/features/bytes")
    assert (octets.get("content-type"), octets.body) == ("application/octet-stream", b"\0\xff")
    assert http(server.port, "GET", "/features/nothing").status == 204


@pytest.mark.parametrize("status", [200, 201, 299, 400, 404, 418, 503, 599])
def test_statuses(server: Server, status: int) -> None:
    response = http(server.port, "GET", f"/features/answer/{status}")
    assert (response.status, response.body) == (status, f"<{status}>".encode())
    assert (response.get("x-status"), response.get("content-type")) == (str(status), "text/x-status; charset=utf-8")


def test_cookies(server: Server) -> None:
    first, second = http(server.port, "GET", "/features/cookies").getlist("set-cookie")
    assert first.startswith("a=1;")
    assert "httponly" in first.lower()
    assert second.startswith("b=2;")
    assert {"path=/features", "max-age=60"} <= {part.strip().lower() for part in second.split(";")}


@promise("kinds-of-responses")
def test_the_handler_fails(server: Server) -> None:
    server.expect_fault("raised as asked")
    with Peer(server.port) as peer:
        assert peer.ask("GET", "/features/fail").status == 500
        if not peer.ended:
            assert http(server.port, "GET", "/livez").status == 200


@promise("kinds-of-responses")
def test_stream(server: Server) -> None:
    response = http(server.port, "GET", "/features/stream?count=300&size=10000")
    assert response.get("transfer-encoding") == "chunked"
    assert response.body == b"".join(f"{n} ".ljust(10000, ".").encode() for n in range(300))


@promise("missing-field")
def test_a_parameter_that_is_missing(server: Server) -> None:
    response = http(server.port, "GET", "/features/stream?size=1")
    assert (response.status, response.body) == (400, b"expected a field named 'count', got size\n")


@promise("cut-response")
def test_a_stream_that_fails_does_not_look_whole(server: Server) -> None:
    server.expect_fault("raised as asked|returned without (starting|completing) response")
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/stream?count=3&size=10&fail"))
        data = b""
        try:
            while peer.fill():
                pass
        except Exception as error:
            assert "reset" in str(error)
        data = peer.buffer
    assert data.startswith(b"HTTP/1.1 500 ") or not data.endswith(b"0\r\n\r\n")


@promise("stream-fails-before-first-part")
def test_a_stream_that_fails_before_its_first_part_is_an_error(server: Server) -> None:
    server.expect_fault("raised as asked")
    for method in ("GET", "HEAD"):
        assert http(server.port, method, "/features/stream?count=0&size=1&fail").status == 500
    assert http(server.port, "GET", "/features/stream?count=0&size=1").body == b""


@promise("stream-fails-before-first-part")
def test_a_quiet_streams_head_does_not_wait(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/stream?count=0&size=1&quiet"))
        assert peer.read_head().status == 200


def test_streams_to_those_who_leave(server: Server) -> None:
    for _ in range(5):
        with Peer(server.port, receive_buffer=4096) as peer:
            peer.send(request("GET", "/features/stream?count=100000&size=10000"))
            assert peer.read_head().status == 200
            peer.reset()
    assert http(server.port, "GET", "/livez").status == 200


def test_a_stream_to_http_1_0_ends_with_the_connection(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(b"GET /features/stream?count=3&size=4 HTTP/1.0\r\n\r\n")
        response = peer.read_response()
        assert not response.getlist("transfer-encoding")
        assert response.body == b"0 ..1 ..2 .."


# ---- bodies and connections -----------------------------------------------------------------------------------------


@promise("request")
def test_a_body_in_chunks(server: Server) -> None:
    chunks = b"5\r\nhello\r\n1;ext=1\r\n \r\n00006\r\nworld!\r\n0\r\nX-Trailer: x\r\n\r\n"
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Transfer-Encoding", "chunked")]) + chunks)
        assert peer.read_response().body == b"hello world!"
        assert peer.ask("POST", "/body", body=b"next").body == b"next"


def test_a_body_octet_by_octet(server: Server) -> None:
    with Peer(server.port) as peer:
        for octet in request("POST", "/body", body=b"slow"):
            peer.send(bytes([octet]))
        assert peer.read_response().body == b"slow"


@promise("request-limits")
def test_a_body_of_the_greatest_size(server: Server) -> None:
    body = os.urandom(1024 * 1024)
    assert http(server.port, "POST", "/body", body=body).body == body


def test_keep_alive(server: Server) -> None:
    with Peer(server.port) as peer:
        for number in range(20):
            body = str(number).encode()
            assert peer.ask("POST", "/body", body=body).body == body


def test_connection_close(server: Server) -> None:
    with Peer(server.port) as peer:
        response = peer.ask("GET", "/livez", [("Connection", "close")])
        assert (response.status, response.closes) == (200, True)
        peer.expect_end()


def test_http_1_0_closes(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(b"GET /livez HTTP/1.0\r\n\r\n")
        assert peer.read_response().body == b"ok"
        peer.expect_end()


@promise("pipelining")
def test_pipelining(server: Server) -> None:
    """More requests than may be in flight at once. A slow one delays those after it, and the answers stay in order."""
    with Peer(server.port) as peer:
        bodies = [str(n).encode() for n in range(100)]
        peer.send(b"".join(request("POST", f"/body?ms={(n % 10 == 3) * 10}", body=b) for n, b in enumerate(bodies)))
        assert [peer.read_response().body for _ in bodies] == bodies


@promise("pipelining")
def test_an_answer_before_one_that_fails(server: Server) -> None:
    """Both requests arrive in one segment. The failure of the second does not affect the answer to the first."""
    server.expect_fault("raised as asked")
    with Peer(server.port) as peer:
        peer.send(request("GET", "/livez") + request("GET", "/features/stream?count=1&size=10&fail"))
        first = peer.read_response()
        assert (first.status, first.body, first.closes) == (200, b"ok", False)
        with pytest.raises(EndOfStreamError):
            peer.read_response()
        peer.expect_end()


def test_a_client_that_ends_its_side(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body?ms=30", body=b"answer me"))
        peer.end_sending()
        assert peer.read_response().body == b"answer me"
        peer.expect_end()


def test_a_body_that_nobody_reads(server: Server) -> None:
    """The server drains the body or closes the connection, but never takes the body for the next request."""
    poison = request("GET", "/features/html")
    with Peer(server.port) as peer:
        response = peer.ask("GET", "/livez", body=poison)
        assert response.body == b"ok"
        if response.closes:
            peer.expect_end()
        else:
            assert peer.ask("GET", "/readyz").body == b"ok"


def test_expect_continue(server: Server) -> None:
    head = request("POST", "/body", [("Expect", "100-continue"), ("Content-Length", "5")])
    with Peer(server.port) as peer:
        peer.send(head)
        assert peer.read_response().status == 100
        peer.send(b"hello")
        assert peer.read_response().body == b"hello"


def test_the_body_is_waited_for_only_where_it_is_read(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/nowhere", [("Expect", "100-continue"), ("Content-Length", "5")]))
        response = peer.read_response()
        assert (response.status, response.closes) == (404, True)
        peer.expect_end()


@promise("bodyless-statuses")
def test_head_and_204_and_304_have_no_body(server: Server) -> None:
    etag = http(server.port, "GET", "/static/index.html").get("etag")
    with Peer(server.port) as peer:
        peer.send(
            request("HEAD", "/static/big.bin")
            + request("GET", "/features/nothing")
            + request("GET", "/static/index.html", [("If-None-Match", etag)])
            + request("GET", "/livez")
        )
        assert peer.read_response("HEAD").get("content-length") == str(4 * 1024 * 1024)
        assert [peer.read_response().status for _ in range(3)] == [204, 304, 200]


@promise("bodyless-statuses")
@pytest.mark.parametrize("kind", ["", "/stream", "/file"])
def test_204_and_304_have_no_body_though_the_handler_gives_one(server: Server, kind: str) -> None:
    with Peer(server.port) as peer:
        for status in (204, 304):
            peer.send(request("GET", f"/features/answer/{status}{kind}") + request("GET", "/livez"))
            first, second = peer.read_response(), peer.read_response()
            assert (first.status, first.closes) == (status, False)
            assert (second.status, second.body) == (200, b"ok")


def test_absolute_form(server: Server) -> None:
    assert exchange(server.port, request("GET", "http://localhost/livez")).body == b"ok"


def test_a_connection_that_says_nothing(server: Server) -> None:
    with Peer(server.port), Peer(server.port) as other:
        assert other.ask("GET", "/livez").status == 200
