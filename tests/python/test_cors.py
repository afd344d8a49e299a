"""``CORS``: what its options may be, and what they mean for ``allowed_origins``. What it does: tests/contract."""

from datetime import timedelta
from typing import Any

import pytest
from promises import promise

from proapi import CORS, ProAPI

PAGE = "https://app.example.org"


@promise("cors")
@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"allow_origins": ["https://example.org/path"]},
            ValueError,
            "allow_origins: expected .* got 'https://example",
        ),
        ({"allow_origins": ["https://*.example.org"]}, ValueError, "a pattern goes into allow_origin_regex"),
        ({"allow_origins": [1]}, TypeError, "allow_origins: expected str or a list of str, got 1"),
        ({"allow_origins": 1}, TypeError, "allow_origins: expected str or a list of str, got 1"),
        ({"allow_origin_regex": "https://("}, ValueError, "allow_origin_regex: expected a regular expression, got "),
        ({"allow_origin_regex": b"x"}, TypeError, "allow_origin_regex: expected a str"),
        ({"allow_methods": ["GET POST"]}, ValueError, "allow_methods: expected .* got 'GET POST'"),
        ({"allow_headers": ["X A"]}, ValueError, "allow_headers: expected"),
        ({"expose_headers": ["X:A"]}, ValueError, "expose_headers: expected"),
        ({"expose_headers": "*", "allow_credentials": True}, ValueError, "expose_headers: expected"),
        ({"max_age": -1}, ValueError, "max_age: expected seconds from 0 to"),
        ({"max_age": 10**30}, ValueError, "max_age: expected seconds from 0 to"),
        ({"max_age": "600"}, TypeError, "max_age: expected whole seconds or a timedelta, got '600'"),
        ({"max_age": True}, TypeError, "max_age: expected"),
        ({"allow_credentials": 1}, TypeError, "allow_credentials: expected True or False, got 1"),
        ({"allow_origin": [PAGE]}, TypeError, "allow_origin"),
    ],
)
def test_bad_values_are_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        CORS(**options)


def test_lists_may_be_text() -> None:
    """Otherwise the letters of a str would be the items."""
    cors = CORS(allow_origins=f"{PAGE}, http://localhost:3000", allow_methods="GET,PUT", max_age=timedelta(minutes=5))
    assert cors.allow_origins == (PAGE, "http://localhost:3000")
    assert cors.allow_methods == ("GET", "PUT")
    assert cors == CORS(
        allow_origins=[PAGE, "http://localhost:3000"], allow_methods=("GET", "PUT"), max_age=timedelta(minutes=5)
    )


def test_what_is_not_a_cors_is_refused() -> None:
    with pytest.raises(TypeError, match=r"cors: expected CORS\(allow_origins=\[...\]\), got \['\*'\]"):
        ProAPI(cors=["*"])  # type: ignore[arg-type]


@promise("cors")
def test_the_default_of_allowed_origins() -> None:
    def origins(cors: CORS, **settings: Any) -> list[str]:
        return ProAPI(cors=cors, **settings)._routes.site.allowed_origins()

    with_credentials = CORS(allow_origins=[PAGE], allow_credentials=True)
    assert origins(with_credentials) == [PAGE]
    assert origins(with_credentials, allowed_origins=[]) == []
    assert origins(with_credentials, allowed_origins=["https://other.example.org"]) == ["https://other.example.org"]
    assert origins(CORS(allow_origins=[PAGE])) == []
    assert origins(CORS(allow_origins=["*"])) == []


def test_a_setting_that_fails_changes_nothing() -> None:
    app = ProAPI(cors=CORS(allow_origins=[PAGE], allow_credentials=True))
    with pytest.raises(ValueError, match="allowed_origins"):
        app.configure(allowed_origins=["no origin"])
    assert app._routes.site.allowed_origins() == [PAGE]
