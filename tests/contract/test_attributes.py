"""What the connection object tells about its request, and the object itself."""

from collections.abc import Callable

import pytest
import raw
from driver import Subject
from promises import promise

New = Callable[..., Subject]


_QUERY = "a=1&b=x%20y+z&a=%E2%82%AC&empty=&flag"
_HEADERS = [("X-Twice", "1"), ("x-twice", "2"), ("Cookie", "one=1; two=zwei"), ("User-Agent", "raw")]


def check_attributes(s: Subject, state: dict[str, object]) -> None:
    assert state["path"] == f"/features/own/{s.name}"
    assert state["path_params"] == {"name": s.name}
    assert state["query"] == {"a": ["1", "\u20ac"], "b": ["x y z"], "empty": [""], "flag": [""]}
    assert state["last"] == {"a": "\u20ac", "b": "x y z", "empty": "", "flag": ""}
    headers = state["headers"]
    assert isinstance(headers, dict)
    assert headers["x-twice"] == ["1", "2"]
    assert headers["user-agent"] == ["raw"]
    assert state["cookies"] == {"one": "1", "two": "zwei"}
    assert state["subprotocols"] == ["a", "b"]
    assert state["url"] == f"{raw.scheme('ws')}://localhost/features/own/{s.name}?{_QUERY}"


@promise("request-attributes")
def test_attributes_before_accept_and_after_close(subject: New) -> None:
    s = subject(accepted=False, query=_QUERY, headers=_HEADERS, subprotocols=("a", "b"))
    own_address = list(s.peer.socket.getsockname())
    before = s.do("state")
    check_attributes(s, before)
    assert before["client"] == own_address
    assert (before["closed"], before["close_code"], before["close_reason"]) == (False, None, None)
    s.accept()
    s.do("close", code=4000)
    s.peer.expect_close(4000)
    s.do("wait_closed")
    after = s.do("state")
    check_attributes(s, after)
    assert after["client"] == own_address
    assert after["closed"] is True


@promise("no-field-left-out")
def test_no_parameter_of_a_query_is_left_out(subject: New) -> None:
    s = subject(accepted=False, query="a&" * 3000 + "token=yes")
    assert s.do("state")["last"] == {"a": "", "token": "yes"}


@promise("user-data")
@pytest.mark.parametrize("name", ["remember", "user_data"])
def test_state(subject: New, name: str) -> None:
    s = subject(accepted=False)
    assert s.do(name) == {}
    s.do(name, set={"name": "Ada"})
    s.accept()
    s.do("close")
    s.peer.expect_close(1000)
    assert s.do("remember") == s.do("user_data") == {"name": "Ada"}
    assert s.foreign.do(name) == {"name": "Ada"}


@promise("connection-identity")
def test_handles_compare_and_hash(subject: New) -> None:
    s = subject()
    assert s.do("handle") is True
    s.do("close")
    assert s.do("handle") is True
