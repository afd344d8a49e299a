"""Mappings with repeated names."""

import copy
import io

import pytest
from promises import promise

from proapi import FormData, FormFiles, Headers, HTTPException, MissingFieldError, QueryParams, UploadFile

PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]


@pytest.mark.parametrize("kind", [Headers, QueryParams, FormData])
def test_last_value_wins_and_all_can_be_had(kind: type[QueryParams]) -> None:
    mapping = kind(PAIRS)
    assert mapping["a"] == mapping.get("a") == "3"
    assert mapping.getlist("a") == ["1", "3"]
    assert mapping.getlist("none") == []
    assert mapping.multi_items() == PAIRS
    assert dict(mapping) == dict(mapping.items()) == {"a": "3", "b": "2"}
    assert len(mapping) == 2
    assert list(mapping) == ["a", "b"]
    assert "b" in mapping
    assert "c" not in mapping
    assert 1 not in mapping  # type: ignore[comparison-overlap]
    assert mapping.get("c") is None
    with pytest.raises(KeyError):
        mapping["c"]


def test_header_names_in_any_case() -> None:
    headers = Headers([("Content-Type", "text/plain"), ("SET-COOKIE", "a=1"), ("set-cookie", "b=2")])
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert "CoNtEnT-tYpE" in headers
    assert list(headers) == ["content-type", "set-cookie"]


def test_query_names_keep_their_case() -> None:
    query = QueryParams([("A", "1"), ("a", "2")])
    assert query["A"] == "1"
    assert query["a"] == "2"


def test_equality_copy_and_repr() -> None:
    query = QueryParams(PAIRS)
    assert query == QueryParams([("b", "2"), ("a", "1"), ("a", "3")])
    assert query != QueryParams([("a", "3"), ("b", "2")])
    assert query == {"a": "3", "b": "2"}
    assert copy.copy(query) == query
    assert repr(query) == f"QueryParams({PAIRS})"
    assert QueryParams({"a": "1"}) == {"a": "1"}
    with pytest.raises(TypeError):
        hash(query)


def test_files() -> None:
    one, two = UploadFile(io.BytesIO(b"1"), filename="a"), UploadFile(io.BytesIO(b"23"), filename="a")
    files = FormFiles([("f", one), ("f", two), ("g", one)])
    assert files["f"] is two
    assert files.getlist("f") == [one, two]
    assert files.multi_items() == [("f", one), ("f", two), ("g", one)]
    assert files == FormFiles([("g", one), ("f", two), ("f", one)])
    assert files != FormFiles([("f", one), ("g", one)])
    assert not FormFiles()
    assert repr(two) == "UploadFile(filename='a', size=2, content_type='text/plain')"


@promise("missing-field")
def test_a_name_that_is_missing() -> None:
    with pytest.raises(MissingFieldError, match="400 expected a field named 'c', got a, b") as missing:
        FormData([("a", "1"), ("b", "2")])["c"]
    assert isinstance(missing.value, KeyError)
    assert isinstance(missing.value, HTTPException)
    with pytest.raises(MissingFieldError, match=f"got {'k' * 200}\\.\\.\\.$"):
        QueryParams({"k" * 900_000: "1"})["c"]
    with pytest.raises(MissingFieldError, match=r"got b\\r\\nc, \\xe9$"):
        QueryParams({"b\r\nc": "1", "\xe9": "2"})["c"]
    with pytest.raises(MissingFieldError, match="got no fields"):
        QueryParams()["c"]
    assert QueryParams().get("c") is None
