"""Headers of responses: what a handler sets arrives as it is, or not at all."""

import re

import pytest
from front_ends import Server
from raw import http


def test_headers_that_would_split_the_response(server: Server) -> None:
    server.expect_fault("X-Bad")
    response = http(server.port, "GET", "/features/wrong")
    assert response.status == 500
    assert response.getlist("set-cookie") == response.getlist("x-bad") == []


@pytest.mark.parametrize("value", ["a%0d%0aSet-Cookie:%20b=c", "a%0a", "a%0d", "a%00"])
def test_headers_from_a_query(server: Server, value: str) -> None:
    server.expect_fault("header|Header|X-Test")
    response = http(server.port, "GET", f"/hdr?n=X-Test&v={value}")
    assert response.status == 500
    assert response.getlist("set-cookie") == response.getlist("x-test") == []
    assert http(server.port, "GET", "/hdr?n=X-Test&v=fine").get("x-test") == "fine"


def test_every_octet_in_a_header(server: Server) -> None:
    """It arrives as it was set, or the response is a 500 without it; there is never another line."""
    server.expect_fault("header|Header|X-Test")
    accepted = set()
    for octet in range(256):
        for name, value in ((f"X-%{octet:02x}-Test", "a"), ("X-Test", f"a%{octet:02x}b"), ("X-Test", f"%{octet:02x}")):
            response = http(server.port, "GET", f"/hdr?n={name}&v={value}")
            assert response.status in (200, 500)
            own = [(each.lower(), text) for each, text in response.headers if "test" in each.lower()]
            assert own == ([(decoded(name).lower(), decoded(value))] if response.status == 200 else [])
            if response.status == 200 and name == "X-Test" and len(value) > 3:
                accepted.add(octet)
    assert accepted == {0x09, *range(0x20, 0x7F)}


def decoded(text: str) -> str:
    return re.sub("%(..)", lambda match: chr(int(match[1], 16)), text)
