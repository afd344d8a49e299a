"""The hierarchy of the exceptions, their attributes and texts."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from promises import promise

from proapi import (
    HTTPException,
    MissingFieldError,
    RequestBodyError,
    RouteError,
    WebSocketDisconnect,
    WebSocketError,
    WebSocketMessageError,
    WebSocketStateError,
)


@promise("exception-hierarchy")
def test_hierarchy() -> None:
    assert issubclass(WebSocketStateError, WebSocketError)
    assert issubclass(WebSocketStateError, RuntimeError)
    assert issubclass(WebSocketMessageError, WebSocketError)
    assert issubclass(WebSocketMessageError, ValueError)
    assert issubclass(WebSocketDisconnect, WebSocketError)
    assert issubclass(RequestBodyError, HTTPException)
    assert issubclass(RequestBodyError, ValueError)
    assert issubclass(RouteError, ValueError)


@promise("exception-attributes")
def test_disconnect() -> None:
    error = WebSocketDisconnect(1001, "bye")
    assert (error.code, error.reason) == (1001, "bye")
    assert str(error) == "the connection has ended with code 1001 (bye)"
    assert str(WebSocketDisconnect(1006)) == "the connection has ended with code 1006"
    assert WebSocketDisconnect().reason == ""


@promise("exception-attributes")
def test_message_error() -> None:
    error = WebSocketMessageError("expected text, got binary", b"\0", 1003)
    assert (str(error), error.data, error.close_code) == ("expected text, got binary", b"\0", 1003)


@pytest.mark.parametrize("status", [1000, 199, 600, 0, True, "404", None])
def test_a_status_that_no_response_has(status: Any) -> None:
    with pytest.raises(ValueError, match=f"expected a status from 200 to 599, got {status!r}"):
        HTTPException(status)


@promise("exception-attributes")
@pytest.mark.parametrize(
    "error", [WebSocketDisconnect(1001, "bye"), WebSocketMessageError("text", b"\0", 1003), HTTPException(404, "none")]
)
def test_errors_can_be_pickled(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@promise("exception-attributes")
@pytest.mark.parametrize(
    "error",
    [
        HTTPException(404, "nothing there", {"X-Why": "gone"}),
        RequestBodyError("The body: expected JSON, got text.", 415),
        MissingFieldError("expected a field named 'a', got no fields"),
        WebSocketDisconnect(1001, "going away"),
        WebSocketMessageError("expected text", b"data", 1003),
    ],
)
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_can_be_copied(error: Exception, copied: Callable[[Exception], Exception]) -> None:
    other = copied(error)
    assert type(other) is type(error)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
