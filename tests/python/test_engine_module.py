"""The extension's module owns its state: set once, visible to the garbage collector, and only once in a process."""

import gc
import subprocess
import sys
from typing import Any

import pytest

from proapi import _engine
from proapi.datastructures import Client, Headers, QueryParams

IMPORT_AGAIN = """
import sys
import proapi._engine
del sys.modules["proapi._engine"], proapi._engine
try:
    import proapi._engine
except ImportError as error:
    print(error)
"""


def test_the_collector_sees_what_the_module_owns() -> None:
    owned = gc.get_referents(_engine)
    for each in (Headers, QueryParams, Client, _engine.WebSocketConnection):
        assert any(each is other for other in owned), each


def test_register_is_called_once() -> None:
    nothing: Any = object()
    with pytest.raises(RuntimeError, match="expected one call"):
        _engine.register(
            headers_type=nothing,
            query_params_type=nothing,
            client_type=nothing,
            state_type=nothing,
            disconnect_error=nothing,
            state_error=nothing,
            message_error=nothing,
            encode_json=nothing,
            decode_json=nothing,
            is_own_task=nothing,
            done_future=nothing,
        )


def test_a_second_module_is_refused() -> None:
    result = subprocess.run([sys.executable, "-c", IMPORT_AGAIN], capture_output=True, text=True, check=True)
    assert result.stdout == "proapi._engine was imported before in this process\n", result.stderr
